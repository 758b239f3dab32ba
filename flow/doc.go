// Package flow holds Holdfast's own pipelines: how a change becomes
// passages, vectors and index entries. It is where the parts meet.
package flow
