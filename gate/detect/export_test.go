package detect

// Steps counts the turns that a scan of text makes in the loops that no constant bounds.
func (s *Scanner) Steps(text string) int {
	sc := new(scan)
	sc.reset(s, text)
	sc.lex()
	sc.classify()
	sc.settle(nil)
	return sc.steps
}
