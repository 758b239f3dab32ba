package flow

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Upgrades are documents: upgrade → "12.0003", the third of collection 12.

func upgradeKey(c record.CollectionID, number int) string { return fmt.Sprintf("%d.%04d", c, number) }

// number counts a collection's upgrades; 0 for none.
func (u *Upgrade) number() int {
	if u == nil {
		return 0
	}
	_, n, _ := strings.Cut(u.ID, ".")
	number, _ := strconv.Atoi(n) // our own key
	return number
}

func (u *Upgrade) put(ctx context.Context, tx record.Tx) error {
	_, err := tx.Objects().Put(ctx, upgradeKind, u.ID, u, record.AnyVersion)
	return err
}

// alter changes an upgrade in one transaction with what that means.
func (x *Upgrader) alter(ctx context.Context, id string, change func(tx record.Tx, u *Upgrade) error) (Upgrade, error) {
	var out Upgrade
	err := x.Records.Update(ctx, func(tx record.Tx) error {
		u, err := findUpgrade(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := change(tx, &u); err != nil {
			return err
		}
		out = u
		return u.put(ctx, tx)
	})
	return out, err
}

func findUpgrade(ctx context.Context, tx record.Tx, id string) (Upgrade, error) {
	var u Upgrade
	o, err := tx.Objects().Get(ctx, upgradeKind, id)
	if fault.KindOf(err) == fault.NotFound {
		return u, fault.New(fault.NotFound, "there is no upgrade %q", id)
	}
	if err != nil {
		return u, err
	}
	return u, o.Decode(&u)
}

// Upgrade finds an upgrade.
func (x *Upgrader) Upgrade(ctx context.Context, id string) (u Upgrade, err error) {
	err = x.Records.View(ctx, func(tx record.Tx) error {
		u, err = findUpgrade(ctx, tx, id)
		return err
	})
	return u, err
}

// Upgrades lists a collection's upgrades, newest first.
func Upgrades(ctx context.Context, tx record.Tx, c record.CollectionID) ([]Upgrade, error) {
	all, err := tx.Objects().List(ctx, upgradeKind, fmt.Sprintf("%d.", c), "", 0)
	if err != nil {
		return nil, err
	}
	out := make([]Upgrade, len(all))
	for i := range all {
		if err := all[i].Decode(&out[i]); err != nil {
			return nil, err
		}
	}
	slices.Reverse(out)
	return out, nil
}

func lastUpgrade(ctx context.Context, tx record.Tx, c record.CollectionID) (*Upgrade, error) {
	all, err := Upgrades(ctx, tx, c)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// ForgetUpgrades deletes what is kept of a collection that is dropped.
func ForgetUpgrades(ctx context.Context, tx record.Tx, c record.CollectionID) error {
	all, err := tx.Objects().List(ctx, upgradeKind, fmt.Sprintf("%d.", c), "", 0)
	for i := range all {
		if err == nil {
			err = tx.Objects().Delete(ctx, upgradeKind, all[i].Key)
		}
	}
	return err
}
