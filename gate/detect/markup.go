package detect

// inlineTags change how a part of a line looks. They may stand inside a value, so the fold drops them.
var inlineTags = wordSet("b i u s a em strong span wbr mark small big font sup sub code tt kbd samp ins del abbr bdi bdo")

// maxTag is how long a tag may be, with its attributes.
const maxTag = 96

// markup is the length of an inline tag or a pair of asterisks at text[i] that may be left out; 0 if there is none.
// Nothing is left out between a letter and a letter or digit, where it parts two words, nor a tag that could hold a
// value of its own, such as the address of a link.
func markup(text string, i int) int {
	end := i + 2
	if text[i] == '*' {
		if at(text, i+1) != '*' || at(text, i-1) == '*' || at(text, i+2) == '*' || isDigit(at(text, i-1)) && isDigit(at(text, end)) {
			return 0
		}
	} else if end = tagEnd(text, i); end == 0 {
		return 0
	}
	before, after := at(text, i-1), at(text, end)
	if lower[before] != 0 && isAlnum(after) || isAlnum(before) && lower[after] != 0 || before == '<' {
		return 0
	}
	return end - i
}

// tagEnd is where the inline tag ends that begins at text[i]; 0 if there is none.
func tagEnd(text string, i int) int {
	j := i + 1
	if at(text, j) == '/' {
		j++
	}
	name := j
	for isLower(at(text, j)|0x20) && j-name < 8 {
		j++
	}
	var low [8]byte
	for k := range j - name {
		low[k] = text[name+k] | 0x20
	}
	if j == name || !inlineTags[string(low[:j-name])] {
		return 0
	}
	for ; j < len(text) && j-i < maxTag; j++ {
		switch c := text[j]; {
		case c == '>':
			return j + 1
		case isDigit(c), c == '@', c == ':', c == '<', c == '&', c == '%', c == '\\', c >= 0x80, c == '\n':
			return 0
		}
	}
	return 0
}
