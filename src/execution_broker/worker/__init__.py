"""The loop: claim, carry out, renew, drain. It knows no step by name."""
