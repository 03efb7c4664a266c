package graph

import (
	"github.com/google/uuid"

	"farthing/graph/model"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/wallet"
)

// adjustInput reads the input of adjustWallet.
func adjustInput(in model.AdjustWalletInput) (wallet.AdjustInput, error) {
	var faults fault.List
	shopper, err := parseID(id.Shopper, "shopperId", in.ShopperID)
	faults = append(faults, fault.From(err)...)
	var corrects *uuid.UUID
	if text := in.Corrects.Value(); text != nil {
		transfer, err := parseID(id.Transfer, "corrects", *text)
		faults = append(faults, fault.From(err)...)
		corrects = &transfer
	}
	faults.AddIf(in.Amount.Fault("amount"))
	return wallet.AdjustInput{
		IdempotencyKey: in.IdempotencyKey, ShopperID: shopper, Currency: in.Currency, Amount: in.Amount.Amount(),
		Origin: wallet.Origin(in.Origin), Reason: in.Reason, Corrects: corrects,
	}, faults.Err()
}

// topUpInput reads the input of topUpWallet.
func topUpInput(in model.TopUpWalletInput) (wallet.TopUpInput, error) {
	shopper, err := parseID(id.Shopper, "shopperId", in.ShopperID)
	faults := fault.From(err)
	faults.AddIf(in.Amount.Fault("amount"))
	return wallet.TopUpInput{
		IdempotencyKey: in.IdempotencyKey, ShopperID: shopper, Currency: in.Currency,
		Amount: in.Amount.Amount(), Reference: orZero(in.Reference),
	}, faults.Err()
}
