"""Networks whose techniques (activation, normalisation, skip connections) are plain constructor arguments.

- `spec`: which network, and its options (imports no torch)
- `build`: from a spec to the network, with the dict of all networks
- `layers`: activations, normalisation, initialisation and when to halve a map, shared by all
- `lsuv`: initial weights scaled on training inputs
- `mlp`, `vgg`, `resnet`, `unet`, `alexnet`: the networks
"""
