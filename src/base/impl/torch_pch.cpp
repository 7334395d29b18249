// Holds the precompiled ATen header that the rooms share.
