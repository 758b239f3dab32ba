package crf

// Extract calls visit for each token of text with the hashes of all its features, as
// Tag uses them. Training uses it. The slice is reused. group splits the features:
// those from lexical onwards name words or parts of words of the token itself.
func (l *Lexicon) Extract(text string, visit func(t Token, features []uint64)) {
	type described struct {
		Token
		form  wordForm
		own   []uint64
		shift []uint64
	}
	describe := func(t Token) described {
		var f wordFeatures
		form := l.describe(text, t, &f)
		return described{t, form, f.own, f.shift}
	}
	edge := describe(edgeToken)
	var tokens []described
	var scanner Scanner
	scanner.Reset(text)
	for t, ok := scanner.Next(); ok; t, ok = scanner.Next() {
		tokens = append(tokens, describe(t))
	}
	var features []uint64
	for i := range tokens {
		t := &tokens[i]
		var near [2*lookahead + 1]*described
		near[lookahead] = t
		for _, step := range [2]int{-1, 1} {
			open := true
			for d := step; d >= -lookahead && d <= lookahead; d += step {
				near[lookahead+d] = &edge
				if open && i+d >= 0 && i+d < len(tokens) {
					near[lookahead+d] = &tokens[i+d]
					open = !isWall(tokens[i+d].Token)
				}
			}
		}
		features = append(features[:0], t.own...)
		var w window
		for d, n := range near {
			w.form[d] = &n.form
			if d >= lookahead-Radius && d <= lookahead+Radius {
				for _, f := range n.shift {
					features = append(features, shifted(f, d-lookahead))
				}
			}
		}
		w.adjacent = [2]bool{t.Adjacent, i+1 < len(tokens) && tokens[i+1].Adjacent}
		var joint [jointFeatures]uint64
		l.join(&w, &joint)
		visit(t.Token, append(features, joint[:]...))
	}
}
