package main

import "math/rand/v2"

func syntheticTraining(*rand.Rand, *Pools) []Example { return nil }
func syntheticTest(*Pools) []Set                    { return nil }
