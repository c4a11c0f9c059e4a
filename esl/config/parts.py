"""The parts of a training config: data, network, method, pseudo-labels, selection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from esl.config.faults import Faults

NetworkBackbone = Literal["resnet18", "resnet34", "resnet50", "resnet101", "mobilenet_v2"]
Normalisation = Literal["caffe_bgr", "imagenet", "imagenet_bgr", "symmetric"]
BatchNorm = Literal["batch", "frozen", "trained"]
DiscriminatorInput = Literal["none", "probs", "self_information"]
PseudoLabelSource = Literal["none", "recipe", "store", "folder"]
Interpolation = Literal["probs", "logits"]


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes to training images; all off in the paper's presets."""

    crop: tuple[int, int] = (0, 0)
    """(height, width) of a random crop after resizing; (0, 0) takes the whole image."""
    flip: bool = False
    """Mirror half of the images left to right."""
    gamma: float = 0.0
    """Brightness curve: value ** exp(u), u uniform in [-gamma, gamma]."""
    gain: float = 0.0
    """Gain of each colour channel by its own factor exp(u), u uniform in [-gain, gain]."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Random zoom: least and greatest factor on the image's size before the crop; (1, 1) is none."""

    def __post_init__(self) -> None:
        faults = Faults("Augmentation")
        whole = tuple(self.crop) == (0, 0)
        faults.check(whole or min(self.crop) >= 16, f"crop must be (0, 0) or at least 16 by 16, got {self.crop}")
        faults.number("gamma", self.gamma, least=0, most=2)
        faults.number("gain", self.gain, least=0, most=2)
        faults.number("scale's least", self.scale[0], least=0.1, most=10)
        faults.number("scale's greatest", self.scale[1], least=max(0.1, self.scale[0]), most=10)
        faults.check(
            not whole or tuple(self.scale) == (1.0, 1.0), "scale needs a crop to bring images back to one size"
        )
        faults.raise_if_any()


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """One split of one data set, at the size the network sees."""

    dataset: str = ""
    """Name of the data set (`demo`, `cityscapes`, `camvid`, `folder`, ...); empty for none."""
    root: Path = Path()
    """Folder of the data set; the demo finds its own."""
    split: str = ""
    """Split of the data set, e.g. `train`."""
    size: tuple[int, int] = (512, 1024)
    """(height, width) of the network's input; images are stretched to it, but Mapillary's keep their aspect ratio."""
    label_format: str = ""
    """What the ids in the label files mean, where the data set leaves a choice (docs/datasets.md); empty for its default."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        faults = Faults("Data settings")
        faults.check(min(self.size) >= 16, f"size must be (height, width) of at least 16 each, got {self.size}")
        crop = self.augment.crop
        fits = (
            self.augment.scale[0] * self.size[0] >= crop[0] - 0.5
            and self.augment.scale[0] * self.size[1] >= crop[1] - 0.5
        )
        faults.check(fits, f"crop {crop} must fit into size {self.size} at the least scale {self.augment.scale[0]}")
        faults.check(not self.dataset or bool(self.split), f"a split of {self.dataset} must be named")
        faults.raise_if_any()

    def __bool__(self) -> bool:
        return bool(self.dataset)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The segmentation network."""

    backbone: NetworkBackbone = "resnet101"
    multi_level: bool = True
    """An auxiliary head on the last stage but one, as in all multi-level methods."""
    aspp_branches: int = 4
    """Summed branches of a head: the paper's figure and ADVENT sum 4; AdaptSegNet's and BDL's code returned after 2."""
    input_normalisation: Normalisation = "caffe_bgr"
    """What the initial weights were trained with."""
    stride_on: Literal["conv1", "conv2"] = "conv1"
    """Where a bottleneck's stride sits: conv1 (Caffe, published DeepLab) or conv2 (torchvision)."""
    output_stride: int = 8
    """Input size over logit size: 8; MobileNetV2 also 16, which is about twice as fast."""
    batch_norm: BatchNorm = "batch"
    """`batch`: batch statistics, affine frozen, as published; `frozen`: running statistics; `trained`: both learn."""

    def __post_init__(self) -> None:
        faults = Faults("Network settings")
        faults.one_of("aspp_branches", self.aspp_branches, (2, 4))
        faults.one_of("output_stride", self.output_stride, (8, 16) if self.backbone == "mobilenet_v2" else (8,))
        faults.raise_if_any()


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """What is minimised beside the source's cross-entropy. Paper: Eq. (2)-(4)."""

    name: str = "source_only"
    """`source_only`, `adaptsegnet`, `advent` or `minent`, or your own; a label for reports, nothing branches on it."""
    lambda_seg_aux: float = 0.1
    """Weight of the auxiliary head's cross-entropy (the main head's is 1), for labels and pseudo-labels alike."""
    discriminator_input: DiscriminatorInput = "none"
    """What D judges: `probs` (AdaptSegNet), `self_information` (ADVENT), or `none`: there is no discriminator."""
    gan: Literal["bce", "ls"] = "bce"
    """Loss of the game: cross-entropy, or LS-GAN's squared distance."""
    lambda_adv_main: float = 1e-3
    """Weight of Eq. (3) on the main head."""
    lambda_adv_aux: float = 2e-4
    """Weight of Eq. (3) on the auxiliary head."""
    discriminator_source_label: int = 0
    """What D answers for source: the paper says 1, the reference code 0; the two games are the same."""
    discriminator_width: int = 64
    """Filters of D's first convolution."""
    discriminator_lr: float = 1e-4
    """Adam's learning rate, decayed like the network's; betas are (0.9, 0.99)."""
    lambda_ent_main: float = 0.0
    """Weight of MinEnt's entropy on the main head."""
    lambda_ent_aux: float = 0.0
    """Weight of MinEnt's entropy on the auxiliary head."""
    lambda_sl: float = 1.0
    """Weight of the self-training term, where there are pseudo-labels. Paper: Eq. (4), lambda_SL = 1."""

    def __post_init__(self) -> None:
        faults = Faults("Method settings")
        for name in (
            "lambda_seg_aux",
            "lambda_adv_main",
            "lambda_adv_aux",
            "lambda_ent_main",
            "lambda_ent_aux",
            "lambda_sl",
        ):
            faults.number(name, getattr(self, name), least=0, most=1e3)
        faults.number("discriminator_lr", self.discriminator_lr, least=0, most=10)
        faults.one_of("discriminator_source_label", self.discriminator_source_label, (0, 1))
        faults.number("discriminator_width", self.discriminator_width, least=1, most=1024)
        faults.raise_if_any()

    @property
    def is_adversarial(self) -> bool:
        """Whether there is a discriminator."""
        return self.discriminator_input != "none"

    @property
    def has_entropy(self) -> bool:
        """Whether target entropy is minimised."""
        return self.lambda_ent_main > 0 or self.lambda_ent_aux > 0


@dataclass(frozen=True, kw_only=True)
class PseudoLabelConfig:
    """Where target pseudo-labels come from. Paper: Sec. 3.3, Eq. (5)-(9)."""

    source: PseudoLabelSource = "none"
    """`none`; `store` with the rule below; `recipe`: a saved recipe (decision 16); `folder`: PNGs of train ids."""
    path: Path = Path()
    """The store's folder, the recipe's file, or the folder of PNGs."""
    store: Path = Path()
    """Where a recipe's store lies now, if not where it lay."""
    criterion: Literal["entropy", "max_prob", "class_balanced"] = "entropy"
    """`entropy` is the paper's ESL, `max_prob` is SSL; `class_balanced` is CBST, which takes `portion` and no rule."""
    mode: Literal["capped", "fixed", "median"] = "capped"
    """`capped`: Eq. (6) and (9); `fixed`: mu* or nu* alone; `median`: the class medians alone (Table 5's limit)."""
    mu_star: float = 0.9
    nu_star: float = 0.1
    keep_ties: bool = True
    """Keep a pixel that equals its threshold: the reference code does; the paper's strict form would drop it."""
    portion: float = 0.2
    """CBST: the share of each predicted class, most confident first, that sets its threshold. CBST: 0.2 from SYNTHIA."""
    portion_growth: float = 0.05
    """CBST: what each further round of self-training adds to `portion`, up to one half."""
    sample_every: int = 1
    """CBST: count every n-th pixel of a class only; the reference code takes 4, 1 is exact."""
    spatial_prior: Path = Path()
    """CBST-SP: a file of `python -m esl spatial-prior`, multiplied to P before the arg max; empty for none."""
    mu_overrides: Mapping[int, float] = field(default_factory=dict)
    """Train id -> mu of that class, in place of the rule's."""
    nu_overrides: Mapping[int, float] = field(default_factory=dict)
    """Train id -> nu of that class, in place of the rule's."""

    def __post_init__(self) -> None:
        faults = Faults("Pseudo-label settings")
        faults.number("mu_star", self.mu_star, least=0, most=1)
        faults.number("nu_star", self.nu_star, least=0, most=1)
        faults.number("portion", self.portion, least=1e-6, most=1)
        faults.number("portion_growth", self.portion_growth, least=0, most=1)
        faults.number("sample_every", self.sample_every, least=1)
        faults.check(
            self.criterion != "class_balanced" or self.source in ("none", "store"),
            f"class_balanced labels come from a store, got source {self.source}",
        )
        faults.check(
            self.criterion == "class_balanced" or self.spatial_prior == Path(),
            f"a spatial_prior belongs to class_balanced labels, got criterion {self.criterion}",
        )
        faults.raise_if_any()


@dataclass(frozen=True, kw_only=True)
class SelectionConfig:
    """On which split checkpoints are compared while training, and how often."""

    data: DataConfig = field(default_factory=DataConfig)
    """A labelled split; without one only the last checkpoint exists, as in the paper."""
    every: int = 0
    """Steps between evaluations; 0 evaluates at the end only."""
    allow_target_labels: bool = False
    """Permit a split of the target domain. It is not adaptation without target labels any more; results say so."""

    def __post_init__(self) -> None:
        faults = Faults("Selection settings")
        faults.number("every", self.every, least=0)
        faults.raise_if_any()
