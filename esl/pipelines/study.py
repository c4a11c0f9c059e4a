"""What a table needs: the trials behind it, in the order that is most useful when time runs out.

Paper: Tables 1 to 5. A trial is one (method, strategy, setting, seed); its baseline is shared by all strategies
of the same method and seed, so that paired rows differ in their labels alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from esl.config import DataConfig, TrainConfig
from esl.errors import ConfigError
from esl.pipelines.bdl_strategies import KNOWN, TRANSLATED
from esl.presets import PRESETS, STRATEGIES, placed_data, preset

TABLES = ("table1", "table2", "table3", "table4", "table5", "mu_sweep", "paper")
FIGURES = ("figure1", "figure2")
"""Drawn from the store that ESL's trial of the first seed learned from."""
PLAIN = ("none", "it")
"""Strategies without pseudo-labels."""
NU_SWEEP = (0.05, 0.15, 0.2, 0.3)
"""nu* of Table 5 beside the default 0.1."""
MU_SWEEP = (0.5, 0.7, 0.8, 0.95, 1.0)
"""mu* of the same sweep for SSL, which the paper does not have, beside the default 0.9; at 1 the medians stand alone."""
SWEPT = ("nu_star", "mu_star")
"""In a row's setting they are points of a sweep; whatever else stands there makes another experiment."""

_SCORED_ON: Mapping[str, DataConfig] = {
    "demo": DataConfig(dataset="demo", split="target_val", size=(256, 512)),
    "camvid_day_dusk": DataConfig(dataset="camvid", split="dusk_test", size=(360, 480)),
    "gta5_cityscapes": DataConfig(dataset="cityscapes", split="val", size=(512, 1024)),
    "synthia_cityscapes": DataConfig(dataset="cityscapes", split="val", size=(512, 1024)),
    "synthia_mapillary": DataConfig(dataset="mapillary", split="val", size=(768, 1024)),
}
"""Benchmark -> split of the target that scores are on; nothing is decided by it."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training to score."""

    benchmark: str
    method: str
    strategy: str
    """`none`, `ssl`, `esl`, `median` or `cbst`; with `+it` re-trained on translated source images, `it` is that alone."""
    seed: int
    setting: Mapping[str, float] = field(default_factory=dict)
    """`nu_star` or `mu_star` where it is not the default."""

    @property
    def baseline(self) -> "Trial":
        """The trial without pseudo-labels that it learns from; `it` is its own."""
        return replace(self, strategy="it" if self.strategy == "it" else "none", setting={})

    @property
    def has_labels(self) -> bool:
        """Whether it learns from pseudo-labels."""
        return self.strategy not in PLAIN

    @property
    def is_translated(self) -> bool:
        """Whether its source images are translated."""
        return self.strategy == "it" or self.strategy.endswith(TRANSLATED)

    @property
    def name(self) -> str:
        """Folder name of the trial."""
        setting = "".join(f"-{k}={v}" for k, v in sorted(self.setting.items()))
        return f"{self.method}-{self.strategy}{setting}-seed{self.seed}"

    def config(self, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
        """The training config, without the path of the store it will learn from."""
        base = replace(preset(f"{self.benchmark}_{self.method}"), seed=self.seed)
        base = replace(base, **dict(overrides or {}))
        if not self.has_labels:
            return base
        # The store is named when the trial runs.
        known = STRATEGIES[self.strategy.removesuffix(TRANSLATED)]
        labels = replace(known, source="none", **self.setting)  # type: ignore[arg-type]
        return replace(base, pseudo_labels=labels)


def benchmark_of(name: str) -> str:
    """The benchmark that a preset belongs to, or the name itself where it is one.

    Raises:
        ConfigError: it is neither.
    """
    for benchmark in _SCORED_ON:
        if name == benchmark or (name in PRESETS and name.startswith(f"{benchmark}_")):
            return benchmark
    raise ConfigError(f"A study needs one of the benchmarks {', '.join(_SCORED_ON)}, or a preset of one; got {name!r}.")


def scored_on(benchmark: str, root: Path) -> DataConfig:
    """The split that a benchmark's scores are on."""
    return placed_data(_SCORED_ON[benchmark], root)


def trials_of(
    table: str, name: str, seeds: Sequence[int], methods: Sequence[str] = (), strategies: Sequence[str] = ()
) -> list[Trial]:
    """The trials behind a table, all of one seed before the next one.

    Args:
        table: one of `TABLES` or `FIGURES`; `paper` is Tables 1 to 5 of a benchmark together, `mu_sweep` is Table 5 for
            SSL and mu*.
        name: a benchmark, or a preset: then its method alone, and in Tables 1 to 3 its strategy alone with its baseline.
        seeds: at least one.
        methods: in place of the benchmark's own.
        strategies: in place of none, ssl, esl, median; cbst is another, and it, ssl+it, ... on translated source images.

    Raises:
        ConfigError: no such table, benchmark, method or strategy.
    """
    if table not in (*TABLES, *FIGURES):
        raise ConfigError(f"A table or figure must be one of {', '.join((*TABLES, *FIGURES))}; got {table!r}.")
    benchmark = benchmark_of(name)
    if table in FIGURES:
        seeds, strategies = seeds[:1], ("esl",)
    methods = tuple(methods) or _methods_of(name, benchmark, table)
    strategies = tuple(strategies) or _strategies_of(name, table)
    unknown = [m for m in methods if f"{benchmark}_{m}" not in PRESETS]
    if unknown:
        raise ConfigError(f"A method must have a preset of {benchmark}; got {', '.join(unknown)}.")
    unknown = [s for s in strategies if s not in (*PLAIN, *KNOWN)]
    if unknown:
        raise ConfigError(f"A strategy must be one of {', '.join((*PLAIN, *KNOWN))}; got {', '.join(unknown)}.")
    found = []
    for seed in seeds:
        for method in methods:
            base = Trial(benchmark=benchmark, method=method, strategy="none", seed=seed)
            found += [replace(base, strategy=s) for s in strategies]
            if table in ("table5", "paper") and method == method_of_labels(methods):
                found += [replace(base, strategy="esl", setting={"nu_star": nu}) for nu in NU_SWEEP]
            if table == "mu_sweep" and method == method_of_labels(methods):
                found += [replace(base, strategy="ssl", setting={"mu_star": mu}) for mu in MU_SWEEP]
    return found


def method_of_labels(methods: Sequence[str]) -> str:
    """Whose pseudo-labels Tables 4 and 5 are about: ADVENT's, as in the paper, or the last one's."""
    return "advent" if "advent" in methods else methods[-1]


def _methods_of(name: str, benchmark: str, table: str) -> tuple[str, ...]:
    if name != benchmark:
        return (PRESETS[name].method.name,)
    if table in ("table4", "table5", "mu_sweep", *FIGURES):
        return ("advent",)
    order = ("source_only", "advent", "minent", "adaptsegnet")
    return tuple(m for m in order if f"{benchmark}_{m}" in PRESETS)


def _strategies_of(name: str, table: str) -> tuple[str, ...]:
    if table == "table4":
        return ("none", "ssl", "esl")
    if table == "table5":
        return ("none", "esl", "median")
    if table == "mu_sweep":
        return ("none", "ssl")
    own, every = name.rsplit("_", maxsplit=1)[-1], ("none", "ssl", "esl", "median")
    if table == "paper":  # Table 4 needs SSL and ESL, Table 5 the median
        return every if own not in STRATEGIES or own in every else (*every, own)
    return ("none", own) if own in STRATEGIES else every
