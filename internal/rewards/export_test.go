package rewards

// DryRows is how many entries a dry run has in memory at once.
const DryRows = dryRows
