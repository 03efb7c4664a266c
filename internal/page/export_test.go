package page

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// Cursor makes a cursor as the pages of a scope have it, whatever the form of the key.
func Cursor(scope string, key any, id uuid.UUID) string {
	return cursor{key: key, id: id}.encode(scope)
}

// Reread reads a cursor of a scope. A cursor that is taken must be the one that is written for its content.
func Reread(text, scope string) error {
	c, err := decode(text, scope)
	if err != nil {
		return nil //nolint:nilerr // A refusal is right for most texts.
	}
	again, err := decode(c.encode(scope), scope)
	if err != nil {
		return fmt.Errorf("what was read cannot be read again: %w", err)
	}
	key, isBytes := c.key.([]byte)
	if other, ok := again.key.([]byte); ok != isBytes || !bytes.Equal(key, other) || !isBytes && again.key != c.key || again.id != c.id {
		return errors.New("what was read is another cursor when read again")
	}
	return nil
}
