package ff1_test

import (
	"fmt"

	"github.com/holdfast/holdfast/gate/ff1"
)

// A number of ten digits becomes another one, and back.
func Example() {
	c, err := ff1.New(make([]byte, 32), 10) // a real key is random and kept safe
	if err != nil {
		fmt.Println(err)
		return
	}
	number := []uint16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	hidden, err := c.Encrypt([]byte("phone"), number)
	if err != nil {
		fmt.Println(err)
		return
	}
	shown, err := c.Decrypt([]byte("phone"), hidden)
	fmt.Println(len(hidden), shown, err)
	// Output:
	// 10 [0 1 2 3 4 5 6 7 8 9] <nil>
}
