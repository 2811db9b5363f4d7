"""What hears and what speaks: one file per provider, behind the ports of `ports`."""
