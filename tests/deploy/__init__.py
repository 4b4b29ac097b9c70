"""What deploy/ holds, tried with the real programs that it is for; scripts/check-deploy runs it by night."""
