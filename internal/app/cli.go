package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"farthing/ent"
	"farthing/internal/actor"
	"farthing/internal/checkout"
	"farthing/internal/db"
	"farthing/internal/demo"
	"farthing/internal/entitlement"
	"farthing/internal/identity"
	"farthing/internal/proof"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// Process is what a command has of the process around it.
type Process struct {
	Args        []string
	Environment []string
	Stdout      io.Writer
	Stderr      io.Writer
	// Clock gives the current instant to the shop; nil is the machine's clock.
	Clock func() time.Time
}

// ErrShown is the error of a command that has already said what is wrong.
var ErrShown = errors.New("the command has said what is wrong")

// Run runs the command line until it is done or ctx ends. Its error has been shown already.
func Run(ctx context.Context, p Process) error {
	root := p.root()
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, ErrShown) {
		_, _ = fmt.Fprintln(p.Stderr, "farthing:", err)
	}
	return err
}

func (p Process) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "farthing",
		Short: "A shop for digital goods paid for in small change",
		Long: "Farthing is a GraphQL commerce backend for digital goods paid for in small change.\n" +
			"Without a command it serves. It is configured by the environment: see farthing config.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          p.serve,
	}
	root.AddCommand(
		&cobra.Command{
			Use: "serve", Short: "Serve the shop (the default)", Args: cobra.NoArgs, RunE: p.serve,
			Long: "Serves the shop. On the embedded default it migrates first, and sets up a demonstration on an empty database.",
		},
		&cobra.Command{Use: "migrate", Short: "Bring the database up to date", Args: cobra.NoArgs, RunE: p.migrate},
		p.seedCommand(),
		p.importCommand(),
		p.tokenCommand(),
		p.verifyCommand(),
		p.rebuildCommand(),
		p.benchCommand(),
		&cobra.Command{Use: "config", Short: "Print what is configured, and where it comes from", Args: cobra.NoArgs, RunE: p.config},
	)
	return root
}

// configured reads the configuration and warns of names in the environment that are none.
func (p Process) configured() (Config, *slog.Logger, error) {
	config, err := ReadConfig(p.Environment)
	if err != nil {
		return config, nil, err
	}
	logger := NewLogger(p.Stderr, config)
	for _, warning := range Unknown(p.Environment) {
		logger.Warn("config: unknown name in the environment", "warning", warning)
	}
	return config, logger, nil
}

// open puts the shop together for a command. The embedded database is migrated on the way: nobody else will.
func (p Process) open(ctx context.Context) (*App, error) {
	config, logger, err := p.configured()
	if err != nil {
		return nil, err
	}
	if config.Embedded() {
		if _, err := Migrate(ctx, config, logger); err != nil {
			return nil, err
		}
	}
	return New(ctx, config, Options{Logger: logger, Clock: p.Clock})
}

func (p Process) migrate(cmd *cobra.Command, _ []string) error {
	config, logger, err := p.configured()
	if err != nil {
		return err
	}
	applied, err := Migrate(cmd.Context(), config, logger)
	if err != nil {
		return err
	}
	cmd.Printf("%d migrations applied; the database is up to date\n", len(applied))
	return nil
}

func (p Process) config(*cobra.Command, []string) error {
	config, _, err := p.configured()
	if err != nil {
		return err
	}
	return config.Print(p.Stdout, p.Environment)
}

func (p Process) seedCommand() *cobra.Command {
	var wanted bool
	cmd := &cobra.Command{
		Use: "seed", Short: "Set up the demonstration shop", Args: cobra.NoArgs,
		Long: "Sets up the demonstration: products, offers, rewards, and a few shoppers with money in their wallets and a month of history. Seeding twice is the same as once.\n" +
			"On any database but the embedded default this must be asked for with --demo.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, _, err := p.configured()
			if err != nil {
				return err
			}
			if !config.Embedded() && !wanted {
				return errors.New("this is not the embedded default; say --demo to put demonstration data into it")
			}
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			defer closing(a.Logger, a)
			report, err := demo.Seed(cmd.Context(), a.demoShop())
			if err != nil {
				return err
			}
			cmd.Printf("set up: %d products, %d offers, %d rules of rewards, %d credits, %d purchases, %d refunds\n",
				report.Products, report.Offers, report.Rules, report.Credits, report.Purchases, report.Refunds)
			return nil
		},
	}
	cmd.Flags().BoolVar(&wanted, "demo", false, "put demonstration data into this database, whatever it is")
	return cmd
}

// demoShop is what the demonstration is set up in.
func (a *App) demoShop() demo.Shop {
	return demo.Shop{DB: a.DB, Identity: a.Identity, Till: a.Till, Issuer: a.Config.AuthIssuer}
}

func (p Process) tokenCommand() *cobra.Command {
	var roles []string
	var subject string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use: "token --role ROLE --subject NAME", Short: "Sign a token for development", Args: cobra.NoArgs,
		Long: "Signs a bearer token with the key in FARTHING_AUTH_SIGNING_KEY_FILE or, for development, with one that is\n" +
			"generated in FARTHING_DATA_DIR.",
		Example: "  farthing token --role SHOPPER --subject shopper-1",
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, _, err := p.configured()
			if err != nil {
				return err
			}
			granted, err := readRoles(roles)
			if err != nil {
				return err
			}
			token, err := mint(config, subject, granted, ttl)
			if err != nil {
				return err
			}
			cmd.Println(token)
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&roles, "role", nil, "role to grant, once or several times: "+strings.Join(roleNames(), ", "))
	cmd.Flags().StringVar(&subject, "subject", "", "name of the bearer")
	cmd.Flags().DurationVar(&ttl, "ttl", 24*time.Hour, "how long the token lasts")
	_ = cmd.MarkFlagRequired("role")
	_ = cmd.MarkFlagRequired("subject")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(roleNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// mint signs a token with the configured key, or with the one for development.
func mint(config Config, subject string, roles []actor.Role, ttl time.Duration) (string, error) {
	key, err := signingKey(config)
	if err != nil {
		return "", err
	}
	return identity.Mint(key, identity.MintInput{
		Subject: subject, Roles: roles, Issuer: config.AuthIssuer, Audience: config.AuthAudience,
		TTL: ttl, Now: time.Now(),
	})
}

func roleNames() []string {
	var names []string
	for _, role := range actor.Roles() {
		names = append(names, string(role))
	}
	return names
}

func readRoles(names []string) ([]actor.Role, error) {
	var roles []actor.Role
	for _, name := range names {
		role := actor.Role(strings.ToUpper(name))
		if !(actor.Actor{Roles: actor.Roles()}).Has(role) {
			return nil, fmt.Errorf("%q is not a role: want one of %s", name, strings.Join(roleNames(), ", "))
		}
		roles = append(roles, role)
	}
	return roles, nil
}

func (p Process) verifyCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Prove that the ledger is right", Args: cobra.NoArgs,
		Long: "Proves, in one snapshot of the database, that every balance is the sum of its transfers, that each currency sums to\n" +
			"zero, and everything else that must be true. The exit status is 1 when something is not.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, _, err := p.configured()
			if err != nil {
				return err
			}
			d, err := db.Open(cmd.Context(), config.Database())
			if err != nil {
				return err
			}
			defer func() { _ = d.Close() }()
			if err := upToDate(cmd.Context(), d); err != nil {
				return err
			}
			results, err := Verify(cmd.Context(), d)
			if err != nil {
				return err
			}
			return show(cmd, results, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print for machines")
	return cmd
}

// Verify proves everything that must be true of what is stored, in one snapshot.
func Verify(ctx context.Context, d *db.DB) (results []proof.Result, err error) {
	var claims []proof.Claim
	for _, of := range []func() []proof.Claim{wallet.Claims, entitlement.Claims, rewards.Claims, checkout.Claims} {
		claims = append(claims, of()...)
	}
	err = d.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error {
		results, err = proof.Check(ctx, tx, claims)
		return err
	})
	return results, err
}

// show prints what was proved, and fails when something was not.
func show(cmd *cobra.Command, results []proof.Result, asJSON bool) error {
	broken := 0
	for _, result := range results {
		if !result.Holds {
			broken++
		}
	}
	if asJSON {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(map[string]any{"holds": broken == 0, "claims": results}); err != nil {
			return err
		}
	} else {
		for _, result := range results {
			if result.Holds {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), "ok      ", result.Claim)
				continue
			}
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "BROKEN   %s: %d contradictions\n", result.Claim, result.Contradictions)
			for _, example := range result.Examples {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), "         ", example)
			}
		}
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%d of %d claims hold\n", len(results)-broken, len(results))
	}
	if broken > 0 {
		return ErrShown
	}
	return nil
}

// closing lets go of something at the end of a command; what goes wrong then is only worth a line.
func closing(logger *slog.Logger, c io.Closer) {
	if err := c.Close(); err != nil {
		logger.Warn("closing", "error", err)
	}
}
