"""The small library that the chapters and the exercises of Latent Spaces import."""
