// Package conform holds the suites that every driver of a part must pass. A
// driver is done when its suite passes on it; a defect found in one driver
// becomes a case for all of them. Only tests import this package.
package conform
