"""Networks whose techniques (activation, normalisation, skip connections) are plain constructor arguments.

- `spec`: which network, and its options (imports no torch)
- `build`: from a spec to the network, with the dict of all networks
- `layers`: activations, normalisation and initialisation, shared by all
- `mlp`, `vgg`, `resnet`, `unet`: the networks
"""
