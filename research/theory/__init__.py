"""What averaging and switching do to a noisy quadratic loss."""
