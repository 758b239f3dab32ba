package detect

// kinds is a set of kinds of context: what the words around a value say it is.
type kinds uint64

const (
	ctxPhone kinds = 1 << iota
	ctxCard
	ctxBank
	ctxSSN
	ctxITIN
	ctxTax
	ctxVAT
	ctxPassport
	ctxDriver
	ctxBirth
	ctxHealth
	ctxIDCard // an identity card, plainly
	ctxID     // an identity or personal number of no stated country
	ctxNINO
	ctxNHS
	ctxNIF
	ctxFiscal
	ctxSteuer
	ctxNIR
	ctxBSN
	ctxBE
	ctxAHV
	ctxNordic
	ctxPESEL
	ctxAadhaar
	ctxPAN
	ctxTFN
	ctxMedicare
	ctxABN
	ctxSIN
	ctxCPF
	ctxCNPJ
	ctxCURP
	ctxZA
	ctxNRIC
	ctxKR
	ctxOther // identity numbers of further countries
	ctxIP
	ctxMAC
	ctxWallet
	ctxMail
	ctxAddress
	ctxPostcode
	ctxPassword
	ctxKey
	ctxRUT
	ctxDEA
	ctxCPR
	ctxPIN
	ctxCVV
	ctxUS      // words that are used in the United States alone
	ctxGiven   // something was given, written down or tried
	ctxUse     // something was set or used
	ctxContact // a signature or another way to reach someone
	ctxNumber  // "number", of what is not said
	ctxWorded  // a word that some idRule asks for
	// What speaks against a personal number.
	ctxOrder
	ctxVersion
)

// mark is a context word in the view.
type mark struct {
	start, end int
	line       int32
	kinds      kinds
}

// What a keyword triggers besides giving context.
type action uint8

const (
	actNone action = iota
	actAt
	actPassword
	actBearer
	actWWW
	actMonth
	actStreet
	actWiFi
	actUser
	actMode
	actCode
	actPlate
	actRegister
	actNRP
	actDigit
)

type keyword struct {
	word  string
	kinds kinds
	act   action
	arg   uint8
}

// The window of context in bytes: near counts in full, far counts less, and a line break costs as much as far.
const (
	nearBefore = 32
	nearAfter  = 20
	farBefore  = 96
	farAfter   = 48
)

// context is what surrounds the value under inspection.
type context struct{ near, far kinds }

// bonus says how strongly the context speaks for any of k: 1 near, 0.6 far, 0 not at all.
func (c context) bonus(k kinds) float32 {
	switch {
	case c.near&k != 0:
		return 1
	case c.far&k != 0:
		return 0.6
	}
	return 0
}

func (c context) any(k kinds) bool { return (c.near|c.far)&k != 0 }

// look gathers the context of a value that begins at pos. Values are looked at in order of position, give or take a
// few bytes, which is what lets the cursor sc.at move forward only.
func (sc *scan) look(pos int) context {
	for sc.at < len(sc.marks) && sc.marks[sc.at].start < pos-farBefore-8 {
		sc.at++
	}
	var c context
	line := int32(-1)
	for i := sc.at; i < len(sc.marks); i++ {
		sc.steps++
		m := &sc.marks[i]
		if m.start > pos+farAfter {
			break
		}
		if m.start < pos {
			if pos-m.end <= nearBefore {
				c.near |= m.kinds
			} else if pos-m.end <= farBefore {
				c.far |= m.kinds
			}
			line = m.line
			continue
		}
		if line >= 0 && m.line > line+1 {
			break
		}
		if m.start-pos <= nearAfter+12 {
			c.near |= m.kinds
		} else {
			c.far |= m.kinds
		}
	}
	sc.col = sc.column(pos)
	c.near |= sc.col
	sc.ctx = c
	return c
}

const (
	tableBits  = 13
	maxKeyword = 28
)

// table is an open-addressed hash table of the keywords, at most an eighth full, so that most words of a text meet an
// empty slot at once. The tags tell most others apart without a look at the keyword.
var table, tags = func() (t [1 << tableBits]*keyword, tags [1 << tableBits]uint16) {
	for i := range keywords {
		k := &keywords[i]
		h := hashWord(k.word)
		j := slot(h)
		for t[j] != nil && t[j].word != k.word {
			j = (j + 1) & (1<<tableBits - 1)
		}
		if t[j] != nil { // the same word in two lists
			t[j].kinds |= k.kinds
			switch {
			case k.act == actNone:
			case k.act == actStreet && t[j].act == actStreet:
				t[j].arg |= k.arg
			default:
				t[j].act, t[j].arg = k.act, k.arg
			}
			continue
		}
		t[j], tags[j] = k, tag(h)
	}
	return t, tags
}()

func slot(h uint64) uint64 { return h >> (64 - tableBits) }
func tag(h uint64) uint16  { return uint16(h>>16) | 1 } //nolint:gosec // G115: some bits of it are wanted

// lookup finds the keyword that equals word in any case; h is the hash of the word.
func lookup(h uint64, word string) *keyword {
	want := tag(h)
	for j := slot(h); tags[j] != 0; j = (j + 1) & (1<<tableBits - 1) {
		if tags[j] == want && equalFold(table[j].word, word) {
			return table[j]
		}
	}
	return nil
}

// equalFold compares a lower-case word with one in any case, letters only.
func equalFold(low, word string) bool {
	if len(low) != len(word) {
		return false
	}
	for i := range len(low) {
		if low[i] != lower[word[i]] {
			return false
		}
	}
	return true
}
