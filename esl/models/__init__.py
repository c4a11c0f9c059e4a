"""Networks: images in, logits out.

`deeplab_v2` over `backbones` is the segmentation network, `discriminator` and `translation` its adversaries,
`weights` keeps and opens checkpoints, `predictor` is the one door that pipelines go through.
"""
