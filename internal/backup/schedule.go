package backup

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const (
	// claimLife bounds a backup; after it another node may try.
	claimLife = time.Hour
	// afterFailure is the pause before the next try.
	afterFailure = 10 * time.Minute

	lastSetting  = "backup_last"    // moment of the last one that was made by itself
	claimSetting = "backup_claimed" // until when nobody else makes one
	// What stands before and behind the moment in the name of a backup made by itself.
	prefix, suffix = "guildhall-", ".backup"
	stamp          = "20060102T150405Z"
)

// Schedule makes a backup from time to time, one node of all, and removes old ones.
type Schedule struct {
	DB      *store.DB
	Permit  store.Permit
	From    Source
	Dir     string
	Every   time.Duration // 0: never
	Keep    int
	Program string
	Log     *slog.Logger

	last     atomic.Int64 // Unix seconds of the last success, on any node
	failures atomic.Int64
}

// Serve looks every minute whether a backup is due, until ctx ends.
func (s *Schedule) Serve(ctx context.Context) {
	if s.Every == 0 {
		return
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		_, _ = s.Run(ctx) // it has said in the log what failed
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Run makes a backup where one is due and no other node is at it; file is empty
// where there was nothing to do.
func (s *Schedule) Run(ctx context.Context) (file string, err error) {
	due, err := store.Write(ctx, s.DB, s.Permit, s.claim)
	if err == nil && due {
		file, err = s.make(ctx)
		err = errors.Join(err, s.settle(ctx, err == nil))
	}
	if last, readErr := moment(s.DB.Reader(ctx), lastSetting); readErr == nil && last != 0 {
		s.last.Store(last.Std().Unix())
	}
	switch {
	case err != nil && ctx.Err() == nil:
		s.failures.Add(1)
		s.Log.Error("the backup failed and will be tried again", slog.Any("error", err), slog.Duration("in", afterFailure))
	case err == nil && due:
		s.Log.Info("a backup was made", slog.String("file", file))
	}
	return file, err
}

// claim takes the next backup for this node.
func (s *Schedule) claim(tx *store.Tx) (bool, error) {
	last, err := moment(tx, lastSetting)
	if err != nil {
		return false, err
	}
	claimed, err := moment(tx, claimSetting)
	if err != nil || tx.Now() < claimed || tx.Now() < last.Add(s.Every) {
		return false, err
	}
	return true, setMoment(tx, claimSetting, tx.Now().Add(claimLife))
}

// settle notes how it went.
func (s *Schedule) settle(ctx context.Context, fine bool) error {
	return store.Do(context.WithoutCancel(ctx), s.DB, s.Permit, func(tx *store.Tx) error {
		if !fine {
			return setMoment(tx, claimSetting, tx.Now().Add(min(afterFailure, s.Every)))
		}
		return errors.Join(setMoment(tx, lastSetting, tx.Now()), setMoment(tx, claimSetting, 0))
	})
}

func (s *Schedule) make(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, claimLife*9/10)
	defer cancel()
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return "", err
	}
	now := s.DB.Now().Std().UTC()
	file := filepath.Join(s.Dir, prefix+now.Format(stamp)+suffix)
	if _, err := Make(ctx, s.From, file, Options{Program: s.Program, At: now}); err != nil {
		return "", err
	}
	return file, s.removeOld()
}

// scheduled tells whether a file is one that a schedule made: only these may go, and
// only these count.
func scheduled(name string) bool {
	moment, ours := strings.CutPrefix(name, prefix)
	moment, whole := strings.CutSuffix(moment, suffix)
	_, err := time.Parse(stamp, moment)
	return ours && whole && err == nil
}

// removeOld keeps the newest; their names sort by time.
func (s *Schedule) removeOld() error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	var files []string
	for _, e := range entries { // sorted by name
		if scheduled(e.Name()) {
			files = append(files, e.Name())
		}
	}
	var errs []error
	for _, old := range files[:max(0, len(files)-s.Keep)] {
		errs = append(errs, os.Remove(filepath.Join(s.Dir, old)))
	}
	return errors.Join(errs...)
}

// Collectors are what /metrics shows of it; nothing where no backups are made.
func (s *Schedule) Collectors() []prometheus.Collector {
	if s.Every == 0 {
		return nil
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "guildhall_backup_last_success_timestamp_seconds", Help: "When the last scheduled backup was made, by this node or another; 0 for never.",
		}, func() float64 { return float64(s.last.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "guildhall_backup_failures_total", Help: "Scheduled backups of this node that failed.",
		}, func() float64 { return float64(s.failures.Load()) }),
	}
}

func moment(q store.Querier, name string) (clock.Time, error) {
	text, err := store.Setting(q, name)
	if err != nil || text == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return clock.Time(n), err
}

func setMoment(tx *store.Tx, name string, at clock.Time) error {
	return store.SetSetting(tx, name, strconv.FormatInt(int64(at), 10))
}
