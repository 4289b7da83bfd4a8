package store

import (
	"bytes"
	"log/slog"
)

type keptAnswerRow struct {
	actor, key string
	answer     []byte
}

// Rekey signs the heads and seals the kept answers with other keys. A head whose
// signature does not fit the old key keeps it: it was altered, and stays found.
func Rekey(tx *Tx, old, next Keys) error {
	type signed struct {
		head
		mac []byte
	}
	heads, err := All(tx, `SELECT organization_id, seq, rights_seq, hash, mac FROM organization_head`, func(s Scan) (h signed, err error) {
		return h, s(&h.id, &h.seq, &h.rights, &h.hash, &h.mac)
	})
	if err != nil {
		return err
	}
	for _, h := range heads {
		if !bytes.Equal(h.mac, HeadMAC(old.HeadMAC, h.id, h.seq, h.rights, h.hash)) {
			continue
		}
		if _, err := tx.exec(`UPDATE organization_head SET mac = $2 WHERE organization_id = $1`, h.id,
			HeadMAC(next.HeadMAC, h.id, h.seq, h.rights, h.hash)); err != nil {
			return err
		}
	}
	answers, err := All(tx, `SELECT actor_id, idempotency_key, answer FROM idempotency`, func(s Scan) (k keptAnswerRow, err error) {
		return k, s(&k.actor, &k.key, &k.answer)
	})
	if err != nil {
		return err
	}
	lost := 0
	for _, k := range answers {
		where := (&Idempotency{Actor: k.actor, Key: k.key}).additional()
		text, err := old.Answers.Open(k.answer, where)
		if err != nil {
			lost++ // it could not be opened before either
			continue
		}
		if _, err := tx.exec(`UPDATE idempotency SET answer = $3 WHERE actor_id = $1 AND idempotency_key = $2`,
			k.actor, k.key, next.Answers.Seal(text, where)); err != nil {
			return err
		}
	}
	if lost > 0 {
		tx.db.log.Warn("kept answers that cannot be opened were left as they are", slog.Int("answers", lost))
	}
	return nil
}
