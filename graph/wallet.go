package graph

import (
	"github.com/google/uuid"

	"farthing/graph/model"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/wallet"
)

// adjustInput reads the input of adjustWallet.
func adjustInput(in model.AdjustWalletInput) wallet.AdjustInput {
	shopper, err := parseID(id.Shopper, "shopperId", in.ShopperID)
	malformed := fault.From(err)
	var corrects *uuid.UUID
	if text := in.Corrects.Value(); text != nil {
		transfer, err := parseID(id.Transfer, "corrects", *text)
		malformed = append(malformed, fault.From(err)...)
		corrects = &transfer
	}
	malformed.AddIf(in.Amount.Fault("amount"))
	return wallet.AdjustInput{
		IdempotencyKey: in.IdempotencyKey, ShopperID: shopper, Currency: in.Currency, Amount: in.Amount.Amount(),
		Origin: wallet.Origin(in.Origin), Reason: in.Reason, Corrects: corrects,
		Malformed: malformed,
	}
}

// topUpInput reads the input of topUpWallet.
func topUpInput(in model.TopUpWalletInput) wallet.TopUpInput {
	shopper, err := parseID(id.Shopper, "shopperId", in.ShopperID)
	malformed := fault.From(err)
	malformed.AddIf(in.Amount.Fault("amount"))
	return wallet.TopUpInput{
		IdempotencyKey: in.IdempotencyKey, ShopperID: shopper, Currency: in.Currency,
		Amount: in.Amount.Amount(), Reference: orZero(in.Reference), Malformed: malformed,
	}
}
