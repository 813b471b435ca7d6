"""Does Switch EMA help? A study of small networks on Fashion-MNIST."""
