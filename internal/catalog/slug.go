package catalog

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
)

const (
	maxSlug = 100
	// maxStem leaves room for a number behind a slug that is made from a name.
	maxStem = 80
)

// IsSlug says whether the text has the form of a slug: letters a to z and digits, with single hyphens between them.
func IsSlug(text string) bool {
	if len(text) > maxSlug {
		return false
	}
	last := byte('-')
	for i := range len(text) {
		c := text[i]
		if c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') || c == '-' && last == '-' {
			return false
		}
		last = c
	}
	return last != '-'
}

// fallbackStem is what the slug of a product begins with whose name has nothing to make a slug of.
const fallbackStem = "product"

// Stem makes a slug from a name: its folded letters and digits of ASCII, with hyphens for what is between them, at most 80
// characters. A name that has none, such as one in Korean, becomes the fallback and eight digits of the id:
// product-0123abcd.
func Stem(name, fallback string, id uuid.UUID) string {
	apostrophes := strings.NewReplacer("'", "", "’", "", "ʼ", "")
	var slug strings.Builder
	for _, c := range fold(apostrophes.Replace(name)) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			slug.WriteRune(c)
		case slug.Len() > 0 && !strings.HasSuffix(slug.String(), "-"):
			slug.WriteByte('-')
		}
	}
	text := strings.Trim(slug.String(), "-")
	if len(text) > maxStem {
		text = text[:maxStem+1]
		if hyphen := strings.LastIndexByte(text, '-'); hyphen > 0 {
			text = text[:hyphen] // ends with a whole word
		}
		text = strings.Trim(text[:min(len(text), maxStem)], "-")
	}
	if text == "" {
		const shown = 4 // bytes from the end, which are random
		return fallback + "-" + hex.EncodeToString(id[len(id)-shown:])
	}
	return text
}

// freeSlugs finds for each stem the first of stem, stem-2, stem-3 … that neither a product has nor an earlier stem got
// nor is reserved. Candidates are looked up in blocks that grow tenfold, so ten thousand products of one name take five
// queries.
func freeSlugs(ctx context.Context, client *ent.Client, stems []string, reserved map[string]bool) ([]string, error) {
	slugs, used := make([]string, len(stems)), make(map[string]bool)
	open := make([]int, len(stems)) // positions without a slug yet
	for i := range open {
		open[i] = i
	}
	for from, to := 1, 2; len(open) > 0; from, to = to, to*10 {
		candidates := make(map[string]bool)
		for _, i := range open {
			for n := from; n < to; n++ {
				candidates[numbered(stems[i], n)] = true
			}
		}
		taken, err := takenSlugs(ctx, client, slices.Collect(maps.Keys(candidates)))
		if err != nil {
			return nil, err
		}
		still := open[:0]
		for _, i := range open {
			for n := from; n < to && slugs[i] == ""; n++ {
				slug := numbered(stems[i], n)
				if _, ok := taken[slug]; !ok && !used[slug] && !reserved[slug] {
					slugs[i], used[slug] = slug, true
				}
			}
			if slugs[i] == "" {
				still = append(still, i)
			}
		}
		open = still
	}
	return slugs, nil
}

// FreeSlug is the first of stem, stem-2, stem-3 … that nothing of a kind has. Taken tells which of some slugs, at most
// 10,000, are in use; they are asked about in blocks that grow tenfold.
func FreeSlug(stem string, taken func(slugs []string) ([]string, error)) (string, error) {
	for from, to := 1, 2; ; from, to = to, to*10 {
		candidates := make([]string, 0, to-from)
		for n := from; n < to; n++ {
			candidates = append(candidates, numbered(stem, n))
		}
		for chunk := range slices.Chunk(candidates, idRows) {
			found, err := taken(chunk)
			if err != nil {
				return "", err
			}
			used := make(map[string]bool, len(found))
			for _, slug := range found {
				used[slug] = true
			}
			for _, slug := range chunk {
				if !used[slug] {
					return slug, nil
				}
			}
		}
	}
}

func numbered(stem string, n int) string {
	if n == 1 {
		return stem
	}
	return stem + "-" + strconv.Itoa(n)
}

// takenSlugs tells which product has which of the slugs.
func takenSlugs(ctx context.Context, client *ent.Client, slugs []string) (map[string]uuid.UUID, error) {
	const most = 10_000 // variables in a statement
	taken := make(map[string]uuid.UUID)
	for chunk := range slices.Chunk(slugs, most) {
		products, err := client.Product.Query().
			Where(product.SlugIn(chunk...)).
			Select(product.FieldID, product.FieldSlug).
			All(ctx)
		if err != nil {
			return nil, fmt.Errorf("finding slugs: %w", err)
		}
		for _, p := range products {
			taken[p.Slug] = p.ID
		}
	}
	return taken, nil
}
