package rewards

import (
	"context"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/earning"
)

// Follow is what WatchActivity does with what it hears of a shopper's entries.
func (s *Service) Follow(ctx context.Context, shopper uuid.UUID, last int64, reaches <-chan Reach, entries chan<- *ent.RewardEntry) {
	s.follow(ctx, shopper, last, reaches, entries)
}

// How old landmarks are that are as good as new, and that are told at all.
const (
	LandmarkAge    = landmarkAge
	LandmarkLimit  = landmarkAge + landmarkLimit
	LandmarkBoards = landmarkBoards
)

// SetLandmarks makes every so many places one with a landmark.
func (s *Service) SetLandmarks(every int64) { s.ranks.every = every }

// BeforeLandmarks runs a function before landmarks are read.
func (s *Service) BeforeLandmarks(do func() error) {
	read := s.ranks.read
	s.ranks.read = func(ctx context.Context, on place, every int64) ([]landmark, error) {
		if err := do(); err != nil {
			return nil, err
		}
		return read(ctx, on, every)
	}
}

// RestLandmarks waits until nobody reads landmarks of a board.
func (s *Service) RestLandmarks(board *earning.Rule, period int64) {
	s.ranks.mu.Lock()
	b, ok := s.ranks.kept.Peek(place{board.ID, period})
	s.ranks.mu.Unlock()
	if !ok {
		return
	}
	for {
		s.ranks.mu.Lock()
		reading := b.reading
		s.ranks.mu.Unlock()
		if reading == nil {
			return
		}
		<-reading
	}
}

// KeptLandmarks is for how many boards and periods there are landmarks.
func (s *Service) KeptLandmarks() int { return s.ranks.kept.Len() }

// CursorOf is the cursor of the place of a score.
func CursorOf(row *ent.LeaderboardScore) string {
	return cursorOf(place{row.RuleID, row.Period}, row.ID, spot{row.Score, row.ReachedAt, row.ShopperID})
}
