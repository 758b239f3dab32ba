// Package record is the contract of the system of record: collections and
// their declarations, records with their versions, the changes that are not
// yet indexed, sealed passages, vectors and where they lie, runs, dead
// letters, the audit trail, costs and the parts' own documents, as several
// small stores over one transaction.
//
// A driver is done when the suite conform.Record passes on it.
package record

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/gate"
)

// Store opens transactions. It is safe for concurrent use. Times are kept to
// the microsecond; a limit of 0 is no limit, except to Lease, which takes one.
type Store interface {
	// View runs fn in a read-only transaction with one consistent snapshot.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in a transaction that commits when fn returns nil: all of
	// its effects, durably, or none. A driver may run fn again after a
	// serialization failure, so fn must have no effect outside the
	// transaction. fn must not call a model or wait for another transaction.
	Update(ctx context.Context, fn func(Tx) error) error
	// Shared reports whether other processes may use the store at the same time.
	Shared() bool
	// Close waits for open transactions.
	Close() error
}

// Tx is one transaction. It is not safe for concurrent use, and ends with
// the function it was handed to.
type Tx interface {
	Collections() Collections
	Records() Records
	Changes() Changes
	Passages() Passages
	Vectors() Vectors
	Runs() Runs
	DeadLetters() DeadLetters
	Audit() Audit
	Objects() Objects
	Ledger() Ledger
	Vault() gate.VaultStore
	// Unwrap returns the driver's own transaction (*sql.Tx of record/sqlite,
	// pgx.Tx of record/postgres), so that an engine can enqueue work in it.
	Unwrap() any
}

// CollectionID is the internal number of a collection.
type CollectionID int64

// Collection is a named set of records with one declaration.
type Collection struct {
	ID          CollectionID
	Name        string
	Declaration Declaration
	// Embedded lists the fields that some generation that is fed embeds. While
	// a changed declaration is being built they are more than Content names.
	Embedded  []string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Compare says which parts of a record differ between two versions: content
// is what the declaration, or a generation that is fed, embeds.
func (c *Collection) Compare(before, after Fields) Changed {
	return c.Declaration.compare(before, after, c.Embedded)
}

// GenerationID is the internal number of a generation.
type GenerationID int64

// GenerationState says what a generation is for.
type GenerationState string

// A collection has at most one active generation. One that is fed has a queue
// of changes of its own, so that none waits for another's model.
const (
	Building GenerationState = "building" // fed, not yet searched
	Active   GenerationState = "active"   // fed and searched
	Standby  GenerationState = "standby"  // was active; fed, so that it can be again at once
	Retired  GenerationState = "retired"  // neither; may be swept
)

// Fed reports whether a generation takes up changes.
func (s GenerationState) Fed() bool { return s == Building || s == Active || s == Standby }

// Generation is one built index: collection × model × chunking × policy. All
// but its state stays as it was built, whatever becomes of the declaration
// and the configuration.
type Generation struct {
	ID         GenerationID
	Collection CollectionID
	State      GenerationState
	// Declaration is what it was built from. What costs nothing to change, as
	// metadata, is read from the collection's, which is newer.
	Declaration Declaration
	Content     []string      // the fields that are embedded
	Model       string        // the model's name in the configuration
	Space       digest.Digest // the model's fingerprint: vectors of two spaces never mix
	Dimensions  int
	Recipe      digest.Digest // gate version and policy
	Policy      gate.Policy   // in full
	Chunking    Chunking
	CreatedAt   time.Time
}

// Encode writes the parts of a generation that drivers store as JSON.
func (g *Generation) Encode() (GenerationParts, error) {
	var p GenerationParts
	for _, part := range []struct {
		from any
		to   *[]byte
	}{{g.Content, &p.Content}, {g.Policy, &p.Policy}, {g.Chunking, &p.Chunking}, {g.Declaration, &p.Declaration}} {
		text, err := json.Marshal(part.from)
		if err != nil {
			return p, fmt.Errorf("encode a generation: %w", err)
		}
		*part.to = text
	}
	return p, nil
}

// GenerationParts are the parts of a generation that drivers store as JSON.
type GenerationParts struct{ Content, Policy, Chunking, Declaration []byte }

// Decode reads what Encode has written. Generations of before they kept it
// have no declaration, and of their policy the name, which the driver reads.
func (g *Generation) Decode(p GenerationParts) error {
	for _, part := range []struct {
		from []byte
		to   any
	}{{p.Content, &g.Content}, {p.Policy, &g.Policy}, {p.Chunking, &g.Chunking}, {p.Declaration, &g.Declaration}} {
		if len(part.from) == 0 {
			continue
		}
		if err := json.Unmarshal(part.from, part.to); err != nil {
			return fmt.Errorf("read a generation: %w", err)
		}
	}
	return nil
}

// Collections keeps declarations and generations.
type Collections interface {
	// Put declares a collection or changes its declaration.
	Put(ctx context.Context, d Declaration) (Collection, error)
	// Get finds a collection by name; fault.NotFound if there is none.
	Get(ctx context.Context, name string) (Collection, error)
	// Find finds a collection by number; fault.NotFound if there is none.
	Find(ctx context.Context, id CollectionID) (Collection, error)
	// List returns up to limit collections with names after the given one, by name.
	List(ctx context.Context, after string, limit int) ([]Collection, error)
	// Drop deletes the collection with all that belongs to it. Vectors stay:
	// they belong to their text, and are swept when nothing refers to them.
	Drop(ctx context.Context, id CollectionID) error

	// AddGeneration stores a generation and numbers it.
	AddGeneration(ctx context.Context, g Generation) (Generation, error)
	// Generations lists a collection's generations, newest first.
	Generations(ctx context.Context, id CollectionID) ([]Generation, error)
	// SetState moves a generation to a state. Making one active puts the one
	// that was on standby, in the same transaction; so does AddGeneration.
	// Retiring one ends its queue, its leases and its open dead letters.
	SetState(ctx context.Context, id GenerationID, state GenerationState) error
	// Strip deletes up to limit passages of a retired generation, and says how
	// many; of another generation it deletes nothing. Its row stays.
	Strip(ctx context.Context, id GenerationID, limit int) (int, error)
}

// Ref is the opaque internal id by which a record is known outside the
// record store: above 0, and never used again for another record.
type Ref int64

// Record is a business object. The stored row is the truth.
type Record struct {
	Ref        Ref
	Collection CollectionID
	ID         string
	Version    int64 // counts every change, from 1
	// ContentVersion is the Version at which a content field last changed.
	ContentVersion int64
	Change         int64 // number of the change that made this version
	Fields         Fields
	Deleted        bool // a tombstone: the fields are gone, the versions go on
	UpdatedAt      time.Time
}

// Op is what a Write does.
type Op uint8

// The operations.
const (
	Put    Op = iota // replace all fields, creating the record if need be
	Patch            // merge: a null removes a field (RFC 7396, for the top level and below)
	Delete           // leave a tombstone
)

// Write asks for one change to one record.
type Write struct {
	ID     string // see CheckID
	Op     Op
	Fields Fields
	// IfVersion, when set, must be the record's version; 0 means "must not
	// exist", which a tombstone does not.
	IfVersion *int64
}

// Written is what became of a Write. A Put, Patch or Delete that changes
// nothing keeps the version and makes no change. To patch what is not there,
// or delete what never was, is fault.NotFound.
type Written struct {
	Ref            Ref
	Version        int64
	ContentVersion int64
	Change         int64 // 0 if nothing changed
	Err            error // fault.Conflict, fault.NotFound or fault.Invalid; the other writes stand
}

// Records keeps records, their versions, and the change log entry of each
// write in the same transaction.
type Records interface {
	// Write applies writes in order; two of them may name one record.
	Write(ctx context.Context, c *Collection, writes []Write) ([]Written, error)
	// Get finds records by id, in the order asked; a missing or deleted one
	// has Ref 0, or Deleted set.
	Get(ctx context.Context, c CollectionID, ids []string) ([]Record, error)
	// Load finds records by Ref, tombstones included; missing ones are left out.
	Load(ctx context.Context, refs []Ref) (map[Ref]Record, error)
	// List returns up to limit live records with ids after the given one, by id.
	List(ctx context.Context, c CollectionID, after string, limit int) ([]Record, error)
	// History returns a record's versions, newest first, the current one included.
	History(ctx context.Context, ref Ref, limit int) ([]Record, error)
	// Count counts live records.
	Count(ctx context.Context, c CollectionID) (int64, error)
	// SweepHistory deletes versions that were replaced before a time, at most
	// limit, and says how many. The current version stays, and what was
	// current at a pinned change.
	SweepHistory(ctx context.Context, before time.Time, pins []Pin, limit int) (int, error)
	// Awaiting says what of a record awaits indexing, by generation.
	Awaiting(ctx context.Context, ref Ref) ([]Awaited, error)
	// Purge deletes records for good, whatever state they are in: with their
	// versions, what awaits indexing, what is staged, the passages of every
	// generation, and dead letters. Work that is under way on them commits
	// nothing any more. It leaves no change: what the index holds of them is
	// the caller's to remove.
	Purge(ctx context.Context, c CollectionID, refs []Ref) (Purged, error)
}

// Awaited is a change of one record that awaits indexing in a generation.
type Awaited struct {
	Generation GenerationID
	State      string // ready, delayed, leased, or buried
	Number     int64  // of the newest write
	Attempts   int
}

// AwaitStates names the states of changes in the order in which drivers
// number them.
var AwaitStates = [...]string{"ready", "delayed", "leased", "buried"}

// Purged is what a purge deleted.
type Purged struct {
	Records     int
	Versions    int // beside the current ones
	DeadLetters int
	Passages    []Reference
}

// Pin keeps the state of a collection at a change from being swept.
type Pin struct {
	Collection CollectionID
	Change     int64
}

// Changed says which part of a record a change touched.
type Changed uint8

// Bits of Changed.
const (
	Content  Changed = 1 << iota // a content field, or the record is new
	Metadata                     // a metadata field
	Gone                         // the record was deleted
)

// Change is what awaits indexing for one record in one generation. Changes to
// one record that nobody has leased yet are one Change with the highest number.
type Change struct {
	Ref      Ref
	Number   int64   // of the newest write that it stands for
	What     Changed // all that changed since the record was last indexed
	Attempts int     // how often it was leased before
}

// Lease is the only ownership of changes. Work done under a lease commits
// only while the epoch is current.
type Lease struct {
	Epoch      int64
	Collection CollectionID
	Generation GenerationID
	Changes    []Change
}

// LeaseRequest says what to lease.
type LeaseRequest struct {
	Limit int // most changes to take
	// Wide is the most to take if no more than Limit of them are of content:
	// the others cost little each. Default Limit.
	Wide   int
	Now    time.Time
	Until  time.Time      // when the lease expires unless it is renewed
	Except []GenerationID // generations to pass over
}

// Pending is how far behind a generation's index is.
type Pending struct {
	Count  int64
	Oldest time.Time // when the oldest pending change was written; zero if none
	// Applied is the number up to which every change is indexed or
	// dead-lettered; Latest the newest change of the collection.
	Applied, Latest int64
}

// Released says how a change that is given back goes on.
type Released uint8

// The ways to give a change back.
const (
	Tried   Released = iota // its lease was an attempt; it may share a batch
	Alone                   // its lease was an attempt; it shares no batch
	Untried                 // nothing was tried: it is as it was before the lease
)

// Changes keeps, for each generation that is fed, the queue of records whose
// index entries are behind. A record is in a queue at most once, and never
// under two leases.
type Changes interface {
	// Lease takes pending changes of one generation, the one that has waited
	// longest, in the order of their oldest writes that are not indexed. A
	// change that is marked to be processed alone comes alone; so does one of
	// which three leases ended by a crash or by time, as it may be the cause.
	// What is held under leases that have expired is free again from here on.
	// No change at all is an empty lease.
	Lease(ctx context.Context, q LeaseRequest) (Lease, error)
	// Held returns what is still held under an epoch, as it was leased.
	Held(ctx context.Context, epoch int64) (Lease, error)
	// Renew extends a lease; fault.Conflict if nothing is held under it.
	Renew(ctx context.Context, epoch int64, until time.Time) error
	// Complete ends the work on changes held under epoch, up to their numbers.
	// A record written again in the meantime stays pending, with what that
	// changed. It returns the refs that were still held; the others changed
	// nothing.
	Complete(ctx context.Context, epoch int64, changes []Change) ([]Ref, error)
	// Release gives held changes back, to be leased again from notBefore on.
	Release(ctx context.Context, epoch int64, refs []Ref, notBefore time.Time, how Released) error
	// Bury takes held changes out of the queue until they are revived or their
	// record is written again. The caller stores the dead letters.
	Bury(ctx context.Context, epoch int64, refs []Ref) error
	// Revive puts buried changes back.
	Revive(ctx context.Context, g GenerationID, refs []Ref) error
	// Touch makes live records pending in a generation that is fed, for what
	// has changed without a write: those given, or with none given every one.
	Touch(ctx context.Context, g GenerationID, refs []Ref, what Changed) error
	// Recall frees every lease of a generation: work under way for it commits
	// nothing any more, and is done again.
	Recall(ctx context.Context, g GenerationID) error
	// Reset frees every lease, and every claim on a vector; only the single
	// owner of a store may call it, when it starts.
	Reset(ctx context.Context) error
	// Pending measures one generation.
	Pending(ctx context.Context, g GenerationID) (Pending, error)
	// NextDue is when the earliest change may be leased: a time in the past if
	// one is ready, the end of its lease for one that is held, zero if there is none.
	NextDue(ctx context.Context) (time.Time, error)
}

// PassageID numbers a passage; it is the id of its vector in the index, and
// is never used again for another passage.
type PassageID int64

// PassageState says what the index has still to do.
type PassageState uint8

// The states of a passage.
const (
	Fresh   PassageState = iota // to be put into the index
	Indexed                     // in the index
	Removed                     // to be taken out of the index
)

// Passage is a sealed piece of a record's clean text.
type Passage struct {
	ID             PassageID
	Ref            Ref
	ContentVersion int64 // of the record version that it was cut from
	Field          string
	Ordinal        int           // position within the record
	Start, End     int           // span of the original field
	Text           digest.Digest // of tenant and embed form
	Display        digest.Digest // of the display form
	Sealed         gate.Sealed
	State          PassageState
	Run            string // that gave it its place last; "" if that is not known
}

// PassageSet is all passages of one record version.
type PassageSet struct {
	Ref            Ref
	ContentVersion int64
	Run            string // that made it
	Passages       []Passage
}

// Passages keeps sealed passages by generation.
type Passages interface {
	// Stage keeps the sealed clean fields of held records between the gate
	// and the splitter. Staging a record again replaces it; fields of a record
	// that is not held under epoch are left out. What is staged ends with its lease.
	Stage(ctx context.Context, epoch int64, fields []StagedField) error
	// Staged returns what was staged under an epoch, by ref and field.
	Staged(ctx context.Context, epoch int64) ([]StagedField, error)
	// Unstage drops what was staged under an epoch.
	Unstage(ctx context.Context, epoch int64) error

	// Replace makes the sets the passages of their records. A passage whose
	// field, Text and Display a record had before keeps its id and its state,
	// wherever it has moved to; what is left over becomes Removed. A set older
	// than the record or what is stored changes nothing, nor does the text of a
	// record that is deleted.
	Replace(ctx context.Context, g GenerationID, sets []PassageSet) error
	// Of returns the passages of records in every state, by ref and ordinal.
	Of(ctx context.Context, g GenerationID, refs []Ref) ([]Passage, error)
	// Get finds passages that are not Removed, by id; missing ones are left out.
	Get(ctx context.Context, g GenerationID, ids []PassageID) (map[PassageID]Passage, error)
	// Settle records that the index now holds the fresh and lacks the removed.
	Settle(ctx context.Context, g GenerationID, fresh, removed []PassageID) error
	// Unsettle records that the index may lack passages that were Indexed, and
	// makes them Fresh: those given, or with none given every one.
	Unsettle(ctx context.Context, g GenerationID, ids []PassageID) error
	// RemoveAll marks every passage of the records Removed.
	RemoveAll(ctx context.Context, g GenerationID, refs []Ref) error
	// Scan returns up to limit passages with ids after the given one, by id,
	// whatever their state.
	Scan(ctx context.Context, g GenerationID, after PassageID, limit int) ([]Passage, error)
	// Count counts the passages that are not Removed.
	Count(ctx context.Context, g GenerationID) (int64, error)
	// References lists, by id, up to limit passages with ids after the given
	// one and what they refer to: those of every generation that is not
	// retired, whatever their state.
	References(ctx context.Context, after PassageID, limit int) ([]Reference, error)
}

// Reference says that a passage refers to the vector of a text in a space.
type Reference struct {
	ID         PassageID
	Generation GenerationID
	Space      digest.Digest
	Text       digest.Digest
}

// StagedField is a whole field after the gate.
type StagedField struct {
	Ref            Ref
	ContentVersion int64
	Field          string
	Sealed         gate.Sealed
}

// Vector is an embedding's address and where its bytes are: inline, or in a
// segment.
type Vector struct {
	Address digest.Digest
	Data    []byte // inline bytes, or nil
	Segment string // name of the segment object, or ""
	Offset  int64
	Length  int64
}

// Claimed answers a claim: each address is in exactly one list.
type Claimed struct {
	Have []digest.Digest // durable already
	Mine []digest.Digest // to be computed by the claimant
	Busy []digest.Digest // claimed by somebody else who is still alive
}

// Marked is a durable vector, and since when it is marked to be deleted;
// zero if it is not.
type Marked struct {
	Address digest.Digest
	Since   time.Time
}

// SegmentUse is a segment and what of it durable vectors use.
type SegmentUse struct {
	Name    string
	Vectors int64
	Bytes   int64 // the sum of their lengths
}

// Vectors keeps embeddings' addresses, and their bytes until they are packed.
//
// A vector is deleted only while it is marked. Whoever comes to refer to one
// stores the reference first and then claims its address, which clears the
// mark, or waits until the vector is gone. So if references are looked for
// after a vector was marked, and there are none, it may be deleted.
type Vectors interface {
	// Claim reserves addresses for owner until a time. An expired claim is
	// anybody's; one that owner holds already is Mine, and renewed. Marks on
	// the addresses are cleared.
	Claim(ctx context.Context, owner string, addresses []digest.Digest, now, until time.Time) (Claimed, error)
	// Put stores computed vectors inline. An address that is durable already
	// is left as it is: a vector is never changed. Marks are cleared.
	Put(ctx context.Context, vectors []Vector) error
	// Unclaim gives up owner's claims on addresses that were not stored.
	Unclaim(ctx context.Context, owner string, addresses []digest.Digest) error
	// Load finds durable vectors; missing ones are left out.
	Load(ctx context.Context, addresses []digest.Digest) (map[digest.Digest]Vector, error)
	// Inline returns up to limit vectors that are not packed, oldest first.
	Inline(ctx context.Context, limit int) ([]Vector, error)
	// Pack points stored vectors at their segment and drops their inline
	// bytes. What is not stored, or not any more, is left out.
	Pack(ctx context.Context, vectors []Vector) error
	// Count counts durable vectors and, of them, the inline ones.
	Count(ctx context.Context) (total, inline int64, err error)

	// Scan lists up to limit durable vectors with addresses after the given
	// one, by address.
	Scan(ctx context.Context, after digest.Digest, limit int) ([]Marked, error)
	// Mark marks durable vectors to be deleted; a mark that is there stays.
	Mark(ctx context.Context, addresses []digest.Digest, now time.Time) error
	// Delete deletes those of the addresses that were marked at a time or
	// before, and returns where they were, without their bytes.
	Delete(ctx context.Context, addresses []digest.Digest, marked time.Time) ([]Vector, error)
	// Segments lists every segment that vectors were packed into, by name.
	Segments(ctx context.Context) ([]SegmentUse, error)
	// Forget drops the names of segments that no vector lies in, and returns
	// those that it dropped.
	Forget(ctx context.Context, segments []string) ([]string, error)
}
