package gate

import (
	"slices"

	"github.com/holdfast/holdfast/gate/detect"
)

// Entities lists the types that a gate can find, sorted.
func Entities() []Entity {
	out := []Entity{"PERSON", "LOCATION", "ORGANIZATION"}
	for _, t := range detect.Types() {
		out = append(out, Entity(t))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
