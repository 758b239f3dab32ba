package builtin_test

// What TestVectorsNeverChange expects.
const (
	goldenRevision = "3bf3c1b60aba04b3288f21332cfe52e255df2ba1bf766ed1fa40422e8f3c96a3"
	goldenBits     = 0xf9aca80dfa9c0fb0
)
