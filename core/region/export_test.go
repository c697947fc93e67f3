package region

// Splits returns the number of kernel mappings, less one, that the mprotect backend believes the view to consist of.
func (r *Region) Splits() int { return r.backend.(*mprotect).splits }

// SetSplitBudget lowers the number of splits at which the mprotect backend revokes all access.
func (r *Region) SetSplitBudget(n int) { r.backend.(*mprotect).budget = n }

// GoText is goText.
var GoText = goText
