package names

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate/names/crf"
)

// maxLead is how much of a line before a name is read for cues.
const maxLead = 64

// maxLine is how long a line is that stands above a name and announces it.
const maxLine = 48

// Scores of what cues find; a guess at their precision, on the scale of the tagger's.
const (
	cueKnown   = 0.9  // a name of the lexicon
	cueUnknown = 0.75 // a word that the lexicon does not know
	cueMail    = 0.6  // part of a mail address: ann.lee@example.org
)

// cue is a set of the ways in which a word announces a name.
type cue uint8

const (
	greeting cue = 1 << iota // Hi Ann,
	filler                   // among greetings: Good morning Ann
	closing                  // Regards,\nAnn
	polite                   // among closings: Kind regards
	field                    // Name: Ann
	party                    // From: Ann; may be no person
	role                     // Agent Ann: hello
	wrote                    // Ann wrote:
)

// vocabulary is the words that announce names, by the hash of their folded form.
var vocabulary = func() map[uint64]cue {
	m := map[uint64]cue{}
	for kind, list := range map[cue]string{
		greeting: "hi hello hey hiya dear morning afternoon evening greetings hallo moin servus guten liebe lieber geehrte geehrter bonjour bonsoir salut cher chere " +
			"hola buenos buenas estimado estimada querido querida ciao buongiorno caro cara gentile egregio ola prezado prezada beste hoi dag geachte hej basta czesc szanowny szanowna merhaba sayin",
		filler: "good again there tag abend sehr dias tardes noches bom dia goedemorgen to und and y et",
		closing: "regards rgds wishes thanks thank thx cheers sincerely faithfully truly yours br best gruss grusse grussen gruesse gruessen lg mfg vg dank danke cordialement salutations merci " +
			"saludo saludos atentamente gracias atenciosamente abracos obrigado obrigada saluti grazie groet groeten bedankt halsningar mvh pozdrawiam powazaniem saygilarimla",
		polite: "kind warm warmest many with you again advance in all the very much mit freundlichen freundlichem viele vielen liebe herzliche herzlichen schone beste besten und bien a vous bonne journee " +
			"un cordial muchas med vanliga met vriendelijke z cordiali distinti so and",
		field: "name names vorname nachname nom prenom nombre apellido apellidos nome cognome naam achternaam imie nazwisko namn fornamn efternamn caller patient anrufer ansprechpartner attn assignee reporter " +
			"attendees attendee participants beneficiary holder recipient signatory applicant employee",
		party: "from to cc bcc von an de para da van aan od customer client contact kunde kundin cliente klant user member owner by author sender requester empfanger",
		role:  "agent visitor customer client user guest operator support caller rep advisor kunde kundin mitarbeiter berater besucher agente cliente visitante asesor conseiller visiteur klant medewerker bezoeker",
		wrote: "wrote writes schrieb escribio ecrit schreef skrev napisal",
	} {
		for w := range strings.FieldsSeq(list) {
			m[crf.FoldHash(w)] |= kind
		}
	}
	return m
}()

// cues scores the words that a greeting, a closing, a form's field, a title, a speaker's
// label or a mail address shows to be names.
func (d *document) cues() {
	line, seen := 0, 0 // where the line begins; the text before seen was searched for that
	for i := range d.words {
		w := &d.words[i]
		if at := strings.LastIndexByte(d.text[seen:w.Start], '\n'); at >= 0 {
			line = seen + at + 1
		}
		seen = w.Start
		if w.Case == crf.Address || w.Common > 1 && (w.Case != crf.Title && w.Case != crf.Initial || w.Start-line > maxLead) {
			continue
		}
		if i > 0 && d.words[i-1].Title && d.words[i-1].Case != crf.Lower && w.Case != crf.Lower && (d.gap(i-1) == " " || d.gap(i-1) == ". ") {
			d.name(i, 1)
			continue
		}
		if w.Start-line > maxLead {
			continue
		}
		lead := readLead(d.text[line:w.Start])
		if n := d.announced(i, line, lead); n > 0 {
			d.name(i, n)
		}
	}
}

// among adds what c may stand among: a filler is as good as a greeting, if there is one.
func (c cue) among() cue {
	for _, group := range [2]cue{greeting | filler, closing | polite} {
		if c&group != 0 {
			c |= group
		}
	}
	return c
}

// lead is what a line says before a word.
type lead struct {
	words  int  // words in it
	all    cue  // what every word of it is or may stand among
	any    cue  // what some word of it is
	last   cue  // what its last word is
	colon  bool // it ends with a colon
	stamp  bool // it begins with a time
	angled bool // it ends with <
}

// readLead reads what stands before a name in its line, or a line above it.
func readLead(text string) lead {
	l := lead{all: ^cue(0)}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsLetter(r):
			end := i + n
			for end < len(text) {
				r, n := utf8.DecodeRuneInString(text[end:])
				if !unicode.IsLetter(r) {
					break
				}
				end += n
			}
			if word := text[i:end]; !l.stamp || !zones[word] {
				l.last = vocabulary[crf.FoldHash(word)]
				l.all &= l.last.among()
				l.any |= l.last
				l.words++
			}
			i = end
			l.colon = false
			continue
		case r == ':':
			l.colon = true
		case r >= '0' && r <= '9':
			l.stamp = l.stamp || l.words == 0
		case r == ' ' || r == '"' || r == '\'':
		default:
			l.colon = false
		}
		i += n
	}
	l.colon = l.colon && l.words > 0
	l.angled = strings.HasSuffix(text, "<")
	return l
}

// zones are words that belong to a time.
var zones = map[string]bool{"AM": true, "PM": true, "am": true, "pm": true, "T": true, "Z": true, "UTC": true, "GMT": true, "CET": true, "CEST": true}

// announced gives the number of words from i on that the lead shows to be a name, or 0.
// It notes speakers' labels too.
func (d *document) announced(i, line int, l lead) int {
	w := &d.words[i]
	n := d.phrase(i)
	if style := d.label(l, i, n); style != 0 {
		w.style = style
		if w.Named && w.Common < 2 && style&stamped != 0 {
			return n
		}
		return 0
	}
	if w.Common > 1 && (w.Case != crf.Initial || n == 1) || vocabulary[w.Hash] != 0 {
		return 0
	}
	n = d.unusual(i, n)
	rest := d.text[d.phraseEnd(i, n):]
	first, _ := utf8.DecodeRuneInString(rest)
	ends := rest == "" || strings.ContainsRune("\r\n,;!:|(<\"", first)
	switch {
	case l.words == 0:
		if above := d.above(line); ends {
			if above.words > 0 && above.words <= 5 && above.closes() || above.colon && above.last&field != 0 {
				return n
			}
		}
	case l.colon:
		last := strings.HasPrefix(rest, " <") || strings.HasPrefix(rest, " (") || ends
		if w.Case != crf.Lower && last && (l.last&field != 0 || l.last&party != 0 && d.named(i, n)) {
			return n
		}
	case l.greets() || l.closes():
		if ends && (w.Case != crf.Lower || w.Named) && (l.greets() || first != ',') || w.Named && w.Case != crf.Lower {
			return n
		}
	}
	if w.Case != crf.Lower && (l.last&wrote != 0 && first == ':' || writes(rest)) {
		return n
	}
	return 0
}

// stamped is the bit of a label's style that tells of a time or a role beside the name.
const stamped = 1 << 8

// label gives the style of the speaker's label that n words from i on may be, or 0.
func (d *document) label(l lead, i, n int) uint64 {
	w := &d.words[i]
	if l.words > 0 && l.all&role == 0 || l.words > 1 || w.Case == crf.Lower || l.words == 0 && vocabulary[w.Hash]&(role|field|party) != 0 {
		return 0
	}
	rest := d.text[d.phraseEnd(i, n):]
	style := uint64(0)
	switch {
	case strings.HasPrefix(rest, ": ") || strings.HasPrefix(rest, ":\n"):
		style = 1
	case strings.HasPrefix(rest, " > "):
		style = 2
	case l.angled && strings.HasPrefix(rest, ">"):
		style = 3 | stamped
	case timeFollows(rest):
		style = 4 | stamped
	default:
		return 0
	}
	if l.colon && l.words > 0 {
		return 0 // Agent: Ann: …
	}
	if l.stamp || l.words > 0 {
		style |= stamped
	}
	if style&stamped == 0 && w.Common > 1 {
		return 0
	}
	return style | uint64(min(l.words, 1))<<9 | 1<<63 //nolint:gosec // G115: 0 or 1
}

// timeFollows tells whether rest goes on with a time: " · 14:02", " [14:02]".
func timeFollows(rest string) bool {
	for i := range min(len(rest), 12) {
		switch c := rest[i]; {
		case c >= '0' && c <= '9':
			return i > 0 && len(rest) > i+3 && (rest[i+1] == ':' || rest[i+2] == ':')
		case c == ' ' || c == '[' || c == '(' || c == ',' || c == '-' || c >= utf8.RuneSelf:
		default:
			return false
		}
	}
	return false
}

// above reads the last line before the one that begins at line, blank ones left out.
func (d *document) above(line int) lead {
	text := d.text[max(0, line-maxLine):line]
	text = strings.TrimRight(text, "\r\n \t>")
	at := strings.LastIndexByte(text, '\n')
	if at < 0 && line > maxLine {
		return lead{}
	}
	return readLead(text[at+1:])
}

func (l lead) greets() bool {
	return l.words > 0 && l.any&greeting != 0 && l.all&filler != 0
}

func (l lead) closes() bool {
	return l.words > 0 && l.any&closing != 0 && l.all&polite != 0
}

// unusual cuts n words from i on before the first that is an ordinary word.
func (d *document) unusual(i, n int) int {
	for k := 1; k < n; k++ {
		if w := &d.words[i+k]; w.Common > 1 && w.Case != crf.Initial {
			return k
		}
	}
	return n
}

// named tells whether the lexicon knows one of n words from i on as a name.
func (d *document) named(i, n int) bool {
	for k := range n {
		if d.words[i+k].Named {
			return true
		}
	}
	return false
}

// writes tells whether rest begins with " wrote:", " a écrit :" or the like.
func writes(rest string) bool {
	rest, _, ok := strings.Cut(rest[:min(len(rest), 16)], ":")
	rest = strings.TrimPrefix(strings.TrimSpace(rest), "a ")
	return ok && vocabulary[crf.FoldHash(rest)]&wrote != 0
}

// name scores n words from i on as a name.
func (d *document) name(i, n int) {
	score := float32(cueUnknown)
	if d.named(i, n) {
		score = cueKnown
	}
	for k := range n {
		d.words[i+k].score = max(d.words[i+k].score, score)
	}
}
