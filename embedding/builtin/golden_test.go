package builtin_test

// What TestVectorsNeverChange expects.
const (
	goldenRevision = "c6129cc4bd935c8fc298089a8be74c19a751ebebb4cb6b69523db1b66cc8ccb0"
	goldenBits     = 0x1d3beabd6be591ad
)
