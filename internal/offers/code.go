package offers

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// FoldCode brings the code of a coupon to the one form in which it counts: case, width and space around it make no
// difference.
func FoldCode(code string) string {
	return strings.ToUpper(strings.TrimSpace(norm.NFKC.String(code)))
}
