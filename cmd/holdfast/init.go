package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/holdfast/holdfast/cmd/holdfast/source"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

func (c *cli) initCommand() *cobra.Command {
	var to, id, collection string
	cmd := &cobra.Command{
		Use: "init FILE", Short: "Propose a declaration for JSON lines, CSV or a folder of documents",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("name one file or folder to look at")
			}
			return nil
		},
		Long: `Looks at the first rows of a file and proposes how to declare it: which fields
are embedded, which are filtered on, which hold personal data. Nothing is
stored, and no values are printed, except those of enumerations.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.propose(cmd.Context(), args[0], to, id, collection)
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "file to write; one that is there is not replaced")
	cmd.Flags().StringVar(&id, "id", "", "field that holds the record's id (default: found out)")
	cmd.Flags().StringVarP(&collection, "collection", "c", "", "name of the collection (default: the file's)")
	return cmd
}

// proposal is a declaration with the reasons for it.
type proposal struct {
	record.Declaration
	id      string            // the field that holds ids; "" if none was found
	why     map[string]string // by field
	left    []string          // fields that are left out, with why
	remarks []string
}

func (c *cli) propose(ctx context.Context, path, to, id, collection string) error {
	if path == source.Stdin {
		return usage("init looks at a file, since it is loaded afterwards; standard input can be read only once")
	}
	s, err := source.Open(path, source.Options{ID: id, Loose: true})
	if err != nil {
		return err
	}
	if collection == "" {
		collection = s.Name()
	}
	p, err := c.proposeFor(ctx, s, id, collection)
	if err != nil {
		return err
	}
	if err := p.Complete(); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(p.Declaration)
	}
	text, err := p.yaml(path)
	if err != nil {
		return err
	}
	if to == "" {
		to = collection + ".yaml"
		if err := c.printf("%s", text); err != nil {
			return err
		}
		c.tell("\nNext, keep this and load with it:\n  holdfast init%s %s -o %s\n", p.idFlag(id != ""), path, to)
	} else {
		if err := writeNew(to, text); err != nil {
			return err
		}
		c.tell("%s is written. Look it over; then:\n", to)
	}
	c.tell("  holdfast ingest --dry-run%s -f %s %s   what the privacy gate finds\n  holdfast ingest%s -f %s %s\n",
		p.idFlag(true), to, path, p.idFlag(true), to, path)
	return nil
}

// idFlag is what the next command needs to be told about the id.
func (p *proposal) idFlag(needed bool) string {
	switch {
	case !needed || p.id == "id":
		return ""
	case p.id == "":
		return " --id FIELD"
	}
	return " --id " + p.id
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a declaration is for everybody who may see the project
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "%s is there already; name another file with -o, or remove it first", path)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "%w", err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// proposeFor finds out the roles of a source's fields.
func (c *cli) proposeFor(ctx context.Context, s *source.Source, id, collection string) (*proposal, error) {
	if documents(s) {
		return &proposal{Declaration: documentsDeclaration(collection), id: "id", why: map[string]string{
			source.Title: "first heading, or the file's name", source.Body: "the whole text", source.Path: "below the folder; also the id",
			source.Modified: "when the file was changed",
		}}, nil
	}
	prof, err := profileOf(ctx, s)
	if err != nil {
		return nil, err
	}
	if prof.rows == 0 {
		return nil, fault.New(fault.Invalid, "%s holds no record that could be read; `holdfast ingest --dry-run %s` tells why, line by line", s.Path, s.Path)
	}
	g, err := ephemeralGate()
	if err != nil {
		return nil, err
	}
	policy := gate.DefaultPolicy()
	for _, f := range prof.fields {
		f.inspect(ctx, g, &policy)
	}
	p := &proposal{Declaration: record.Declaration{
		Collection: collection, Enums: map[string][]string{}, Classification: map[string]record.Classification{},
	}, why: map[string]string{}}
	if p.id = prof.id(id); id != "" && p.id == "" {
		return nil, fault.New(fault.Invalid, "there is no field %q; there are: %s", id, strings.Join(prof.order, ", "))
	}
	p.remark(prof)
	for _, name := range prof.order {
		if name != p.id || prof.wrapped {
			p.assign(prof.fields[name], prof.rows)
		}
	}
	p.chooseTitle(prof)
	if len(p.Content) == 0 {
		return nil, fault.New(fault.Invalid, "no field of %s holds text that is worth embedding:\n  %s\nIf one of them does, write the declaration by hand with that field under `content`",
			s.Path, strings.Join(p.everything(), "\n  "))
	}
	return p, nil
}

// ephemeralGate is a gate for looking at data; nothing it makes is kept.
func ephemeralGate(recognisers ...gate.Recogniser) (*gate.Gate, error) {
	key := make([]byte, gate.KeySize)
	_, _ = rand.Read(key) // never fails
	return gate.New(gate.Config{Key: key, Recognisers: recognisers})
}

var idName = regexp.MustCompile(`(?i)(^|[_.-])(id|uuid|guid|key|number|num|no|nr|code|ref|slug)$|[a-z](Id|ID|Key|No)$`)

// id finds the field that names records: the one that was named, else "id",
// else one that is different in every row.
func (p *profile) id(named string) string {
	switch {
	case p.wrapped:
		return "id"
	case named != "":
		if p.fields[named] == nil {
			return ""
		}
		return named
	case p.fields["id"] != nil:
		return "id"
	}
	best := ""
	for _, name := range p.order {
		f := p.fields[name]
		if !f.unique(p.rows) || f.present < p.rows || f.spaced > 0 || f.dates+f.days > 0 || f.lists > 0 || f.bytes > 128*max(f.strings, 1) {
			continue
		}
		if idName.MatchString(name) {
			return name
		}
		if best == "" && f.mostly == 0 {
			best = name
		}
	}
	return best
}

// unique reports whether no value came twice.
func (f *fieldProfile) unique(rows int) bool {
	return f.present > 0 && len(f.distinct) >= min(f.strings+f.numbers, maxDistinct) && (rows == 1 || len(f.distinct) > 1)
}

func (p *proposal) remark(prof *profile) {
	switch f := prof.fields[p.id]; {
	case p.id == "":
		p.remarks = append(p.remarks, "No field is different in every row. Records need an id: name its field with --id.")
	case prof.wrapped:
	case f.present < prof.rows:
		p.remarks = append(p.remarks, fmt.Sprintf("The id is %s; %d of %d rows have none and will be refused.", p.id, prof.rows-f.present, prof.rows))
	case !f.unique(prof.rows):
		p.remarks = append(p.remarks, fmt.Sprintf("The id is %s; where it comes more than once, the last row stands.", p.id))
	default:
		p.remarks = append(p.remarks, fmt.Sprintf("The id is %s, different in every row.", p.id))
	}
	if prof.refused > 0 {
		p.remarks = append(p.remarks, fmt.Sprintf("%s could not be read; `holdfast ingest --dry-run` tells why.", plural(int64(prof.refused), "row")))
	}
}

var (
	textName  = regexp.MustCompile(`(?i)(title|subject|summary|headline|body|text|description|comment|message|content|notes?|question|answer|review|abstract|context)$`)
	titleName = regexp.MustCompile(`(?i)^(title|subject|summary|headline|name)$`)
)

// assign gives a field its role.
func (p *proposal) assign(f *fieldProfile, rows int) {
	values := f.strings + f.numbers + f.booleans + f.objects
	words, chars := 0.0, 0
	if f.strings > 0 {
		words, chars = float64(f.words)/float64(f.strings), f.bytes/f.strings
	}
	most := func(n int) bool { return 20*n >= 19*values }
	mostlyPersonal := f.inspected > 0 && 2*f.mostly >= f.inspected
	few := len(f.distinct) <= maxEnum && len(f.distinct) > 0 && f.strings >= 2*len(f.distinct)
	switch {
	case values == 0:
		p.leave(f, "no values in the rows that were looked at")
	case !declarable.MatchString(f.name):
		p.leave(f, "a declaration cannot name it: a letter, then letters, digits, _, . or -")
	case 2*f.objects > values:
		p.leave(f, "holds objects")
	case mostlyPersonal && words < 12:
		p.leave(f, fmt.Sprintf("%s in %s of the values; as metadata it could be matched exactly, through a keyed hash", f.entities(), share(f.mostly, f.inspected)))
	case most(f.booleans):
		p.metadata(f, "yes or no")
	case most(f.numbers):
		p.metadata(f, "numbers")
	case most(f.dates):
		p.metadata(f, "times")
	case most(f.days):
		p.leave(f, "dates in a form that cannot be ordered; write them as 2006-01-02 or in RFC 3339 form to filter on them")
	case most(f.links):
		p.leave(f, "links")
	case few && words < 6:
		p.enum(f)
	case f.prose(words, chars):
		p.content(f, words)
	case chars > 40 && 2*f.spaced < f.strings:
		p.leave(f, "long values without words")
	case f.unique(rows) && f.strings > 20:
		p.leave(f, "short values, different in every row; as metadata they could be matched exactly")
	default:
		p.metadata(f, fmt.Sprintf("%s different values, matched exactly through a keyed hash", atLeast(len(f.distinct))))
	}
}

var declarable = regexp.MustCompile(`^[\pL_][\pL\pN_.-]{0,127}$`)

// prose reports whether a field holds text in words.
func (f *fieldProfile) prose(words float64, chars int) bool {
	if 2*f.spaced < f.strings || len(f.distinct) <= 1 && f.strings > 3 {
		return false
	}
	return words >= 6 || chars >= 60 && words >= 3 || textName.MatchString(f.name) && words >= 1.5
}

func (p *proposal) content(f *fieldProfile, words float64) {
	p.Content = append(p.Content, f.name)
	p.classify(f)
	p.why[f.name] = fmt.Sprintf("text, %.0f words on average", words) + f.hint()
}

func (p *proposal) metadata(f *fieldProfile, why string) {
	p.Metadata = append(p.Metadata, f.name)
	p.classify(f)
	if f.strings == 0 || f.dates > 0 {
		p.why[f.name] = why
		return
	}
	p.why[f.name] = why + f.hint()
}

// enum declares the values of a field that may stand in the index as they
// are, unless one of them looks personal.
func (p *proposal) enum(f *fieldProfile) {
	if f.personal > 0 {
		p.metadata(f, fmt.Sprintf("%d different values, some of which look personal: matched through a keyed hash", len(f.distinct)))
		return
	}
	p.metadata(f, fmt.Sprintf("%d different values", len(f.distinct)))
	p.Enums[f.name] = slices.Sorted(maps.Keys(f.distinct))
}

func (p *proposal) classify(f *fieldProfile) {
	p.Classification[f.name] = record.Internal
	if f.personal > 0 && f.strings > 0 && f.dates == 0 {
		p.Classification[f.name] = record.Confidential
	}
}

// hint says what personal data was found.
func (f *fieldProfile) hint() string {
	if f.personal == 0 {
		return ""
	}
	return fmt.Sprintf("; personal data in %s (%s)", share(f.personal, f.inspected), f.entities())
}

func (p *proposal) leave(f *fieldProfile, why string) {
	p.left = append(p.left, fmt.Sprintf("%q: %s", f.name, why))
}

// everything lists all fields with their roles.
func (p *proposal) everything() []string {
	out := slices.Clone(p.left)
	for _, name := range p.Metadata {
		out = append(out, fmt.Sprintf("%q: %s", name, p.why[name]))
	}
	return out
}

// chooseTitle picks the field that names a record for people.
func (p *proposal) chooseTitle(prof *profile) {
	for _, name := range slices.Concat(p.Content, p.Metadata) {
		if f := prof.fields[name]; titleName.MatchString(name) && f.words < 20*max(f.strings, 1) {
			p.Title = name
			return
		}
	}
}

func share(n, of int) string {
	switch part := 100 * float64(n) / float64(max(of, 1)); {
	case n == of:
		return "100%"
	case part < 1:
		return "under 1%"
	default:
		return fmt.Sprintf("%.0f%%", min(part, 99))
	}
}

func atLeast(n int) string {
	if n >= maxDistinct {
		return fmt.Sprintf("%d or more", n)
	}
	return fmt.Sprint(n)
}

// yaml writes the declaration with its reasons as comments.
func (p *proposal) yaml(path string) ([]byte, error) {
	var head strings.Builder
	fmt.Fprintf(&head, "Proposed by `holdfast init` from the first rows of %s. Look it over.", strings.Map(printable, path))
	for _, r := range p.remarks {
		head.WriteString("\n" + r)
	}
	doc := &yamlv3.Node{Kind: yamlv3.MappingNode, HeadComment: head.String()}
	add := func(key, comment string, value *yamlv3.Node) {
		doc.Content = append(doc.Content, &yamlv3.Node{Kind: yamlv3.ScalarNode, Value: key, LineComment: comment}, value)
	}
	add("collection", "", text(p.Collection, ""))
	add("content", "embedded, after the privacy gate", p.list(p.Content))
	if len(p.Metadata) > 0 {
		add("metadata", "filtered on, never embedded", p.list(p.Metadata))
	}
	if len(p.Enums) > 0 {
		enums := &yamlv3.Node{Kind: yamlv3.MappingNode}
		for _, name := range p.Metadata {
			if members := p.Enums[name]; members != nil {
				list := &yamlv3.Node{Kind: yamlv3.SequenceNode, Style: yamlv3.FlowStyle}
				for _, m := range members {
					list.Content = append(list.Content, text(m, ""))
				}
				enums.Content = append(enums.Content, text(name, ""), list)
			}
		}
		add("enums", "values that may stand in the index as they are; all other text is indexed as a keyed hash", enums)
	}
	if p.Title != "" {
		add("title", "", text(p.Title, "names a record for people"))
	}
	if len(p.Classification) > 0 {
		classes := &yamlv3.Node{Kind: yamlv3.MappingNode}
		for _, name := range slices.Concat(p.Content, p.Metadata) {
			if class := p.Classification[name]; class != "" {
				classes.Content = append(classes.Content, text(name, ""), text(string(class), ""))
			}
		}
		add("classification", "confidential: personal data was found in it", classes)
	}
	add("policy", "", text(p.Policy, "privacy policy"))
	add("model", "", text(p.Model, ""))
	if len(p.left) > 0 {
		doc.FootComment = "Left out: stored with the record, neither embedded nor filtered on.\n  " + strings.Join(p.left, "\n  ")
	}
	var b bytes.Buffer
	enc := yamlv3.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("write declaration: %w", err)
	}
	return b.Bytes(), enc.Close()
}

func (p *proposal) list(names []string) *yamlv3.Node {
	out := &yamlv3.Node{Kind: yamlv3.SequenceNode}
	for _, n := range names {
		out.Content = append(out.Content, text(n, p.why[n]))
	}
	return out
}

// text is a scalar; SetString quotes what would be read as something else.
func text(value, comment string) *yamlv3.Node {
	n := &yamlv3.Node{}
	n.SetString(value)
	n.LineComment = comment
	return n
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}
