package rewards

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	stdsql "database/sql"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"farthing/ent"
	"farthing/ent/leaderboardscore"
	"farthing/ent/predicate"
	"farthing/ent/rewardstanding"
	"farthing/internal/db"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/page"
)

// Place is one place on a leaderboard.
type Place struct {
	// Rank is counted from 1. Of equal scores the one that was reached earlier is better, then the lower id, so that no two
	// places have one rank and nobody's changes by looking again.
	Rank        int64
	ShopperID   uuid.UUID
	DisplayName string
	// Score is how much; of an AMOUNT or POINTS in millionths.
	Score     int64
	ReachedAt time.Time
}

// neighbours is how many places on either side Around shows.
const neighbours = 5

// spot is where a score stands in the order of a leaderboard, whether there is one or not.
type spot struct {
	score   int64
	reached time.Time
	shopper uuid.UUID
}

// compare is below zero when the spot is better than another.
func (s spot) compare(other spot) int {
	return cmp.Or(cmp.Compare(other.score, s.score), s.reached.Compare(other.reached), bytes.Compare(s.shopper[:], other.shopper[:]))
}

// The order of a leaderboard is down by score and up by all else, so that it is no comparison of rows that an index could
// answer in one go. What comes after a spot, or before it, is two stretches, each of which is one range of the index: equal
// scores, and lower or higher ones.

func equalAfter(at spot) predicate.LeaderboardScore {
	return func(s *sql.Selector) {
		s.Where(sql.And(sql.EQ(s.C(leaderboardscore.FieldScore), at.score), sql.CompositeGT(ties(s), at.reached, at.shopper)))
	}
}

func equalBefore(at spot) predicate.LeaderboardScore {
	return func(s *sql.Selector) {
		s.Where(sql.And(sql.EQ(s.C(leaderboardscore.FieldScore), at.score), sql.CompositeLT(ties(s), at.reached, at.shopper)))
	}
}

// ties are the columns that tell equal scores apart.
func ties(s *sql.Selector) []string {
	return []string{s.C(leaderboardscore.FieldReachedAt), s.C(leaderboardscore.FieldShopperID)}
}

func everybody(*sql.Selector) {}

func onBoard(on place) predicate.LeaderboardScore {
	return leaderboardscore.And(leaderboardscore.RuleID(on.rule), leaderboardscore.Period(on.period))
}

// Page is a page of a leaderboard in one of its periods (earning.PeriodAt), from the best place on: what a client gave of
// first and after, nil for what it left out. Only those are on it who have chosen a name. Ranks on a long board may be some
// seconds old; the order is not.
func (s *Service) Page(
	ctx context.Context, client *ent.Client, board *earning.Rule, period int64, first *int, after *string,
) (page.Page[Place], error) {
	on, limit := place{board.ID, period}, page.Default
	if first != nil {
		limit = *first
	}
	if limit < 1 || limit > page.Most {
		return page.Page[Place]{}, fault.Input("first", "A page has 1 to %d entries, not %d.", page.Most, limit)
	}
	stretches := []stretch{{which: everybody, most: limit + 1}}
	if after != nil {
		at, err := readCursor(ctx, client, on, *after)
		if err != nil {
			return page.Page[Place]{}, err
		}
		stretches = []stretch{{which: equalAfter(at), most: limit + 1}, {which: leaderboardscore.ScoreLT(at.score), most: limit + 1}}
	}
	found, err := s.read(ctx, client, on, stretches...)
	if err != nil {
		return page.Page[Place]{}, err
	}
	p := page.Page[Place]{HasNext: len(found) > limit, HasPrevious: after != nil}
	found = found[:min(limit, len(found))]
	rank := int64(1)
	if after != nil && len(found) > 0 {
		if rank, err = s.rank(ctx, client, on, found[0].spot); err != nil {
			return page.Page[Place]{}, err
		}
	}
	p.Edges = make([]page.Edge[Place], len(found))
	for i, one := range found {
		p.Edges[i] = page.Edge[Place]{Cursor: cursorOf(on, one.id, one.spot), Node: one.place(rank + int64(i))}
	}
	return p, nil
}

// Around is a shopper's own place on a leaderboard in one of its periods, and that place among up to five better and five
// worse ones. It is nil, and there are none, when the shopper is not on it.
func (s *Service) Around(
	ctx context.Context, client *ent.Client, board *earning.Rule, period int64, shopper uuid.UUID,
) (own *Place, around []Place, err error) {
	on := place{board.ID, period}
	found, err := s.read(ctx, client, on, stretch{which: leaderboardscore.ShopperID(shopper), most: 1})
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	at := found[0].spot
	beside, err := s.read(ctx, client, on,
		stretch{which: equalBefore(at), most: neighbours, upwards: true},
		stretch{which: leaderboardscore.ScoreGT(at.score), most: neighbours, upwards: true},
		stretch{which: equalAfter(at), most: neighbours},
		stretch{which: leaderboardscore.ScoreLT(at.score), most: neighbours},
	)
	if err != nil {
		return nil, nil, err
	}
	rank, err := s.rank(ctx, client, on, at)
	if err != nil {
		return nil, nil, err
	}
	// Who has just changed places may be beside their own spot of before.
	beside = slices.DeleteFunc(beside, func(one scored) bool { return one.shopper == shopper })
	better, _ := slices.BinarySearchFunc(beside, at, func(one scored, at spot) int { return one.compare(at) })
	from, until := max(0, better-neighbours), min(len(beside), better+neighbours)
	all := slices.Concat(beside[from:better], found, beside[better:until])
	// Ranks may be some seconds old, and who is before is not; nobody is shown a rank below 1.
	best := max(rank-int64(better-from), 1)
	for i, one := range all {
		around = append(around, one.place(best+int64(i)))
	}
	return &around[better-from], around, nil
}

// Count counts the places of a leaderboard in one of its periods.
func (s *Service) Count(ctx context.Context, client *ent.Client, board *earning.Rule, period int64) (int, error) {
	on := place{board.ID, period}
	marks, err := s.ranks.of(ctx, on)
	if err != nil {
		return 0, err
	}
	if len(marks) == 0 {
		n, err := s.count(ctx, client, on, everybody)
		return int(n), err
	}
	last := marks[len(marks)-1]
	n, err := s.count(ctx, client, on, equalAfter(last.spot), leaderboardscore.ScoreLT(last.score))
	return int(last.rank + n), err
}

// stretch is the first places of a stretch of a leaderboard, or the last ones when it is read upwards.
type stretch struct {
	which   predicate.LeaderboardScore
	most    int
	upwards bool
}

// scored is a shopper's score on a leaderboard.
type scored struct {
	spot

	id   uuid.UUID
	name string
}

func (s scored) place(rank int64) Place {
	return Place{Rank: rank, ShopperID: s.shopper, DisplayName: s.name, Score: s.score, ReachedAt: s.reached}
}

// read reads stretches of a leaderboard, which have no place in common, with the names of the shoppers, in one statement:
// a page takes a few milliseconds, and most of that is going to the database and back. The best comes first.
func (s *Service) read(ctx context.Context, client *ent.Client, on place, stretches ...stretch) ([]scored, error) {
	build := sql.Dialect(s.db.Dialect())
	each := func(part stretch) *sql.Selector {
		scores := selectScores(s.db, on)
		part.which(scores)
		score, reached, shopper := scores.C(leaderboardscore.FieldScore), scores.C(leaderboardscore.FieldReachedAt), scores.C(leaderboardscore.FieldShopperID)
		scores.Select(scores.C(leaderboardscore.FieldID), score, reached, shopper).Limit(part.most)
		if part.upwards {
			scores.OrderBy(score, sql.Desc(reached), sql.Desc(shopper))
		} else {
			scores.OrderBy(sql.Desc(score), reached, shopper)
		}
		scores.As("scores")
		standings := build.Table(rewardstanding.Table).As("standings")
		return build.Select(
			scores.C(leaderboardscore.FieldID), scores.C(leaderboardscore.FieldScore), scores.C(leaderboardscore.FieldReachedAt),
			scores.C(leaderboardscore.FieldShopperID), standings.C(rewardstanding.FieldDisplayName),
		).From(scores).Join(standings).OnP(sql.And(
			sql.ColumnsEQ(standings.C(rewardstanding.FieldShopperID), scores.C(leaderboardscore.FieldShopperID)),
			sql.NotNull(standings.C(rewardstanding.FieldDisplayName)),
		))
	}
	all := each(stretches[0])
	for _, part := range stretches[1:] {
		all.UnionAll(each(part))
	}
	var found []scored
	err := scan(ctx, client, all, func(rows *stdsql.Rows) error {
		var one scored
		err := rows.Scan(&one.id, &one.score, &one.reached, &one.shopper, &one.name)
		one.reached = one.reached.UTC()
		found = append(found, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a leaderboard: %w", err)
	}
	slices.SortFunc(found, func(a, b scored) int { return a.compare(b.spot) })
	return found, nil
}

// selectScores begins a statement about the scores of a board in a period.
func selectScores(d *db.DB, on place) *sql.Selector {
	build := sql.Dialect(d.Dialect())
	s := build.Select().From(build.Table(leaderboardscore.Table))
	onBoard(on)(s)
	return s
}

// scan runs a statement and a function for each of its rows.
func scan(ctx context.Context, client *ent.Client, statement *sql.Selector, each func(*stdsql.Rows) error) error {
	query, args := statement.Query()
	rows, err := client.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// rank is the rank of a spot at which somebody is.
func (s *Service) rank(ctx context.Context, client *ent.Client, on place, at spot) (int64, error) {
	marks, err := s.ranks.of(ctx, on)
	if err != nil {
		return 0, err
	}
	next, found := slices.BinarySearchFunc(marks, at, func(m landmark, at spot) int { return m.compare(at) })
	switch {
	case found:
		return marks[next].rank, nil
	case next == 0:
		n, err := s.count(ctx, client, on, leaderboardscore.ScoreGT(at.score), equalBefore(at))
		return n + 1, err
	}
	mark := marks[next-1]
	between := []predicate.LeaderboardScore{leaderboardscore.And(equalAfter(mark.spot), equalBefore(at))}
	if mark.score != at.score {
		lower := leaderboardscore.And(leaderboardscore.ScoreLT(mark.score), leaderboardscore.ScoreGT(at.score))
		between = []predicate.LeaderboardScore{equalAfter(mark.spot), lower, equalBefore(at)}
	}
	n, err := s.count(ctx, client, on, between...)
	return mark.rank + n + 1, err
}

// count counts the places in some stretches, which have none in common, in one statement.
func (s *Service) count(ctx context.Context, client *ent.Client, on place, stretches ...predicate.LeaderboardScore) (n int64, err error) {
	each := func(which predicate.LeaderboardScore) *sql.Selector {
		scores := selectScores(s.db, on)
		which(scores)
		return scores.Select(sql.Count("*"))
	}
	all := each(stretches[0])
	for _, which := range stretches[1:] {
		all.UnionAll(each(which))
	}
	err = scan(ctx, client, all, func(rows *stdsql.Rows) error {
		var part int64
		err := rows.Scan(&part)
		n += part
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count places: %w", err)
	}
	return n, nil
}

// A cursor is a spot; it names the row of the score instead of the shopper, whose id is nobody else's business.

const cursorScope = 8

func cursorHead(on place) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("leaderboard:"), on.rule[:]...), uint64(on.period))) //nolint:gosec // The bits are hashed.
	return sum[:cursorScope]
}

func cursorOf(on place, id uuid.UUID, at spot) string {
	raw := append(cursorHead(on), id[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(at.score)) //nolint:gosec // The bits come back as they went.
	raw = binary.BigEndian.AppendUint64(raw, uint64(at.reached.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(raw)
}

func readCursor(ctx context.Context, client *ent.Client, on place, text string) (spot, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != cursorScope+16+8+8 {
		return spot{}, fault.Input("after", "This is not a cursor.")
	}
	if !bytes.Equal(raw[:cursorScope], cursorHead(on)) {
		return spot{}, fault.Input("after", "This cursor belongs to another leaderboard or period; start again without it.")
	}
	raw = raw[cursorScope:]
	at := spot{
		score:   int64(binary.BigEndian.Uint64(raw[16:])),                       //nolint:gosec // The bits come back as they went.
		reached: time.UnixMicro(int64(binary.BigEndian.Uint64(raw[24:]))).UTC(), //nolint:gosec // As above.
	}
	row, err := client.LeaderboardScore.Query().Where(leaderboardscore.ID(uuid.UUID(raw[:16])), onBoard(on)).
		Select(leaderboardscore.FieldShopperID).Only(ctx)
	switch {
	case ent.IsNotFound(err): // The shopper has left. From before all who tie with them nobody is missed.
	case err != nil:
		return spot{}, fmt.Errorf("read the place of a cursor: %w", err)
	default:
		at.shopper = row.ShopperID
	}
	return at, nil
}

const (
	// landmarkEvery is how many places there are from one landmark to the next, and landmarksFrom how many landmarks a
	// board has at least: ranks on a shorter one are counted from the top, and exact.
	landmarkEvery = 1_000
	landmarksFrom = 5
	// landmarkAge is how old landmarks are that are as good as new. Older ones are read again, and for landmarkLimit longer
	// those who ask are told the old ones meanwhile; then they wait.
	landmarkAge   = 5 * time.Second
	landmarkLimit = time.Minute
	// landmarkShare is for how many times as long as it took to read them landmarks are as good as new at least: reading
	// those of a million places takes the better part of a second, and no board is to keep the database busy with that.
	landmarkShare = 50
	// landmarkTimeout is how long reading them may take, and landmarkBoards for how many boards they are kept.
	landmarkTimeout = 20 * time.Second
	landmarkBoards  = 64
)

// landmark is a place on a long leaderboard whose rank was known when it was read.
type landmark struct {
	spot

	rank int64
}

// ranks keeps landmarks of long leaderboards: every thousandth place with its rank, so that a rank is found by counting no
// more than the places from the nearest one on, however many shoppers there are. They are read in one scan of the index.
// They are never wrong by more than what has happened since then, and nothing is lost when they are: any process reads
// them anew.
type ranks struct {
	clock func() time.Time
	// read reads the landmarks of a board; every is landmarkEvery. Tests set both.
	read  func(ctx context.Context, on place, every int64) ([]landmark, error)
	every int64

	mu   sync.Mutex
	kept *lru.Cache[place, *ranking]
}

// ranking is the landmarks of a board in a period, the best first. It is guarded by the lock of all.
type ranking struct {
	known bool
	marks []landmark
	// at is the instant before they were read, and good for how long from then on they are as good as new.
	at   time.Time
	good time.Duration
	// reading is closed when they have been read again; nil while nobody does that. What went wrong last is err.
	reading chan struct{}
	err     error
}

func newRanks(d *db.DB, clock func() time.Time) *ranks {
	kept, _ := lru.New[place, *ranking](landmarkBoards) // Fails for a size below one only.
	return &ranks{
		clock: clock, every: landmarkEvery, kept: kept,
		read: func(ctx context.Context, on place, every int64) ([]landmark, error) {
			return readLandmarks(ctx, d, on, every)
		},
	}
}

// of gives the landmarks of a board in a period; none for a short one. It waits only when there are none that are recent.
func (r *ranks) of(ctx context.Context, on place) ([]landmark, error) {
	r.mu.Lock()
	b, ok := r.kept.Get(on)
	if !ok {
		b = &ranking{}
		r.kept.Add(on, b)
	}
	age := r.clock().Sub(b.at)
	if b.reading == nil && (!b.known || age >= b.good) {
		b.reading = make(chan struct{})
		go r.refresh(on, b) //nolint:gosec // For all who ask, now and later: it does not end with who asked first.
	}
	marks, known, reading := b.marks, b.known && age < b.good+landmarkLimit, b.reading
	r.mu.Unlock()
	if known {
		return marks, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-reading:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return b.marks, b.err
}

func (r *ranks) refresh(on place, b *ranking) {
	ctx, cancel := context.WithTimeout(context.Background(), landmarkTimeout)
	defer cancel()
	begun := r.clock()
	marks, err := r.read(ctx, on, r.every)
	took := r.clock().Sub(begun)

	r.mu.Lock()
	defer r.mu.Unlock()
	if b.err = err; err == nil {
		b.known, b.marks, b.at, b.good = true, marks, begun, max(landmarkAge, landmarkShare*took)
	}
	close(b.reading)
	b.reading = nil
}

func readLandmarks(ctx context.Context, d *db.DB, on place, every int64) ([]landmark, error) {
	const rank = "place"
	order := []string{leaderboardscore.FieldScore, leaderboardscore.FieldReachedAt, leaderboardscore.FieldShopperID}
	ranked := selectScores(d, on)
	score, reached, shopper := ranked.C(order[0]), ranked.C(order[1]), ranked.C(order[2])
	number := sql.RowNumber().OrderExpr(sql.Expr(sql.Desc(score)), sql.Expr(reached), sql.Expr(shopper))
	ranked.Select(score, reached, shopper).AppendSelectExprAs(number, rank).As("ranked")
	which := ranked.C(rank)
	outer := sql.Dialect(d.Dialect()).Select(ranked.C(order[0]), ranked.C(order[1]), ranked.C(order[2]), which).From(ranked).
		Where(sql.P(func(b *sql.Builder) { b.Ident(which).WriteString(" % ").Arg(every).WriteString(" = 0") })).OrderBy(which)

	var marks []landmark
	err := scan(ctx, d.Client(), outer, func(rows *stdsql.Rows) error {
		var m landmark
		err := rows.Scan(&m.score, &m.reached, &m.shopper, &m.rank)
		m.reached = m.reached.UTC()
		marks = append(marks, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read landmarks of a leaderboard: %w", err)
	}
	if len(marks) < landmarksFrom {
		return nil, nil
	}
	return marks, nil
}
