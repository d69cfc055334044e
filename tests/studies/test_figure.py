"""A question in a setting: its variants, its claims, the runs it wants, and what does not fit together."""

import pytest
from figures import BATTERIES, QUESTION, SETTING, SUCCESS, battery_of, contrast, figure

from trajreg.errors import InputError
from trajreg.measures.regularity import Regularity
from trajreg.studies.names import Name

OPTIMISERS = {
    "SGD": {"optimizer": {"name": "sgd", "lr": 0.1}},
    "Adam": {"optimizer": {"name": "adam", "lr": 0.001}, "batch_size": 10},
}
AGAINST_SGD = {"adam": contrast({"variant": "Adam"}, {"variant": "SGD"})}


def base(**changes):
    return SETTING["base"] | changes


def test_variants_and_runs_are_the_grid_times_the_seeds():
    made = figure(vary={"model.name": ["vgg11", "vgg16"], "model.norm": ["batch", "none"]}, seeds=2)
    labels = ["VGG-11, batch norm", "VGG-11, no batch norm", "VGG-16, batch norm", "VGG-16, no batch norm"]
    assert [variant.label for variant in made.variants] == labels
    assert [one.spec.seed for one in made.wanted()] == [0, 1] * 4
    assert made.wanted()[-1].where == "setting: VGG-16, no batch norm"


def test_variants_may_be_named_and_differ_in_several_keys():
    made = figure({"contrasts": AGAINST_SGD}, vary={}, variants=OPTIMISERS)
    assert [variant.label for variant in made.variants] == ["SGD", "Adam"]
    assert [(one.spec.optimizer.name, one.spec.batch_size) for one in made.variants] == [("sgd", None), ("adam", 10)]
    assert [claim.text for claim in made.claims] == ["γ is larger with Adam than with SGD"]


def test_an_optimiser_that_is_called_by_its_own_name_has_its_own_colour():
    called = OPTIMISERS | {"large batches": OPTIMISERS["SGD"] | {"batch_size": 20}}
    made = figure({"contrasts": AGAINST_SGD}, vary={}, variants=called)
    assert [one.names["variant"].place for one in made.variants] == [0, 5, None]


def test_named_variants_stand_in_every_cell_of_a_grid():
    made = figure({"contrasts": AGAINST_SGD}, vary={"model.name": ["vgg11", "vgg16"]}, variants=OPTIMISERS)
    assert [variant.label for variant in made.variants] == [
        "SGD, VGG-11",
        "SGD, VGG-16",
        "Adam, VGG-11",
        "Adam, VGG-16",
    ]
    assert made.variants[3].spec.optimizer.name == "adam"
    assert made.variants[3].names == {"variant": Name("Adam", 5), "model.name": Name("VGG-16", 3)}
    assert made.facets == ["model.name"]


def test_what_no_contrast_compares_gets_rows_of_panels():
    grid = {"model.name": ["vgg11", "vgg16"], "model.init": ["default", "kaiming"], "model.norm": ["batch", "none"]}
    assert figure(vary=grid).facets == ["model.name", "model.init"]
    assert figure({"contrasts": {}}, vary=grid).facets == []


def test_without_anything_varied_there_is_one_variant():
    made = figure({"contrasts": {}}, vary={})
    assert [(variant.label, variant.settings) for variant in made.variants] == [("", {})]
    assert made.wanted()[0].where == "setting: base"


def test_a_claim_is_a_contrast_times_a_measure_of_success():
    own = {"loss": SUCCESS | {"metric": "final_train_loss", "text": "The loss is smaller", "direction": "lower"}}
    contrasts = {
        "bn": contrast({"model.norm": "batch"}, {"model.norm": "none"}, ["cosine", "loss"]),
        "nobn": contrast({"model.norm": "none"}, {"model.norm": "batch"}),
    }
    claims = figure({"contrasts": contrasts, "success": own}).claims
    assert [claim.id for claim in claims] == ["bn-cosine", "bn-loss", "nobn-gamma"]
    assert claims[1].metric == "final_train_loss"
    assert claims[2].text == "γ is larger with no batch norm than with batch norm"


def test_what_our_own_figure_asks_is_no_claim_of_the_paper():
    paper = battery_of(gamma={"source": "paper"})
    assert [claim.source for claim in figure(batteries=paper).claims] == ["paper"]
    assert [claim.source for claim in figure({"status": "ours"}, batteries=paper).claims] == ["ours"]


def test_a_pair_is_the_papers_where_its_contrast_says_so():
    paper = {"contrasts": {"bn": QUESTION["contrasts"]["bn"] | {"source": "paper"}}}
    sources = [[(claim.source, claim.pair_source) for claim in figure(*one).claims] for one in (
        ({},), (paper, None, battery_of(gamma={"source": "paper"})), (paper | {"status": "ours"},),
    )]  # fmt: skip
    assert sources == [[("ours", "ours")], [("paper", "paper")], [("ours", "ours")]]


def test_claims_may_be_primary_in_some_cells_only():
    grid = {"model.init": ["default", "kaiming"], "data.num_train": [100, 200], "model.norm": ["batch", "none"]}
    assert [claim.primary for claim in figure(batteries=battery_of(a={"primary": True}, b={})).claims] == [True, False]
    cell = {"model.init": "kaiming", "data.num_train": 100}
    for declared, primary in (
        ({}, True),
        ({"model.init": ["kaiming"]}, True),
        ({"model.init": ["default"]}, False),
        ({"model.init": ["default", "kaiming"], "data.num_train": [200]}, False),
    ):
        assert figure(vary=grid, primary=declared).primary_in(cell) == primary


def test_a_threshold_of_the_setting_stands_in_the_sentence():
    speed = battery_of(speed={"metric": "steps_to_loss", "text": "{threshold} is reached sooner", "direction": "lower"})
    (claim,) = figure(batteries=speed, thresholds={"steps_to_loss": 0.3}).claims
    assert (claim.threshold, claim.text) == (0.3, "0.3 is reached sooner")


def test_random_labels_are_the_same_runs_of_the_first_seeds():
    made = figure(seeds=3, random_label_seeds=2)
    specs = [one.spec for one in made.wanted()]
    true = [spec for spec in specs if not spec.data.shuffle_targets]
    random = [spec for spec in specs if spec.data.shuffle_targets]
    assert [(spec.model.norm, spec.seed) for spec in true] == [(n, s) for n in ("batch", "none") for s in range(3)]
    assert [(spec.model.norm, spec.seed) for spec in random] == [(n, s) for n in ("batch", "none") for s in range(2)]
    for spec in random:
        assert spec.data.deal == spec.seed
        data = spec.data.model_copy(update={"shuffle_targets": False, "deal": 0})
        assert spec.model_copy(update={"data": data}) in true
    assert [variant.label for variant in made.null_variants] == [
        "batch norm, random labels",
        "no batch norm, random labels",
    ]


def test_without_random_labels_there_are_no_null_variants():
    assert (figure().random_label_seeds, figure().null_variants, len(figure().wanted())) == (0, (), 10)


def test_keep_snapshots_goes_with_every_run():
    assert {one.keep_snapshots for one in figure().wanted()} == {None}
    assert {one.keep_snapshots for one in figure(keep_snapshots={"every": 2}).wanted()} == {2}


def test_options_of_an_activation_can_be_varied():
    plain = {"name": "leaky_relu"}
    made = figure(
        {"contrasts": {}},
        base=base(model={"name": "vgg11", "activation": plain}),
        vary={"model.activation.slope": [0.01, 0.1]},
    )
    activations = [variant.spec.model.activation for variant in made.variants]
    assert activations[0] == "leaky_relu"  # the default
    assert activations[1].slope == 0.1
    assert made.setting.base["model"]["activation"] == plain == {"name": "leaky_relu"}


def test_options_of_a_measure_can_be_varied():
    made = figure(
        measures={"regularity": {"estimator": "replay", "epochs": [1]}},
        vary={"measures.regularity.epochs": [[1], "all"], "model.norm": ["batch", "none"]},
    )
    epochs = [variant.measures["regularity"].epochs for variant in made.variants]
    assert epochs == [(1,), (1,), "all", "all"]
    wanted = made.wanted()
    assert len({one.spec for one in wanted}) == 10  # the same trainings, measured in two ways
    assert len({name for one in wanted for name in one.measures}) == 2


def test_a_measure_that_is_only_varied_counts():
    vary = {"measures.regularity.optimum": ["zero", "endpoint"], "model.norm": ["batch", "none"]}
    assert "gamma" in figure(measures={}, vary=vary).columns.claimable


def test_claims_are_about_what_is_measured():
    columns = figure().columns.claimable
    assert "gamma" in columns
    assert "final_test_loss" in columns
    assert "gama" not in columns


def test_a_contrast_may_write_its_values_in_another_way():
    curvatures = {"data.eigenvalues": [[2, 2.0], [1.0, 18]]}
    made = figure(
        {"contrasts": {"round": contrast({"data.eigenvalues": [2.0, 2]}, {"data.eigenvalues": [1, 18.0]})}},
        base=base(data={"name": "quadratic"}, model={"name": "mlp", "hidden": []}),
        vary=curvatures,
    )
    (claim,) = made.claims
    assert [repr(side["data.eigenvalues"]) for side in (claim.treatment, claim.control)] == ["[2, 2.0]", "[1.0, 18]"]


def test_content_is_all_that_decides_what_is_shown():
    assert figure().content() == figure().content()
    speed = battery_of(gamma={"metric": "steps_to_loss"})
    others = [
        figure(seeds=6),
        figure(random_label_seeds=1),
        figure(measures={"regularity": {"optimum": "endpoint"}}),
        figure(keep_snapshots={"every": 1}),
        figure({"title": "u"}),
        figure({"panels": ["gamma"]}),
        figure(batteries=battery_of(gamma={"smallest_effect": 1.2})),
        *(figure(batteries=speed, thresholds={"steps_to_loss": limit}) for limit in (0.1, 0.2)),
    ]
    assert len({repr(one.content()) for one in others}) == len(others)
    assert all(other.content() != figure().content() for other in others)


TWICE = {"One": {"batch_size": 10}, "Two": {"batch_size": 10}}


@pytest.mark.parametrize(
    ("question", "setting", "message"),
    [
        ({}, {"seeds": 0}, r"setting: seeds = 0: input should be greater than or equal to 1"),
        ({}, {"random_label_seeds": -1}, r"random_label_seeds = -1: .*greater than or equal to 0"),
        ({}, {"random_label_seeds": 6}, r"setting: random_label_seeds = 6 is more than seeds = 5"),
        ({}, {"seeds": "2"}, r"seeds = '2': input should be a valid integer"),
        ({}, {"keep_snapshots": {"every": 0}}, r"keep_snapshots.every = 0: .*greater than or equal to 1"),
        ({}, {"keep_snapshots": 2}, r"keep_snapshots = 2: "),
        ({}, {"base": base(optimizer={"name": "sgd", "lr": -1e-3})},
         r"setting: model.norm = batch: optimizer.lr = -0.001: input should be greater than 0"),
        ({}, {"base": base(batchsize=50)}, r"setting: model.norm = batch: batchsize is not a known key"),
        ({}, {"base": base(seed=1)}, r"base.seed is not a known key: `seeds` says how many"),
        ({}, {"base": base(kind="walk")}, r"base.kind = 'walk' is unknown, choose from training$"),
        ({}, {"vary": {"model.norm": ["batch", "local"]}}, r"model.norm = 'local': input should be 'none', 'batch', "),
        ({}, {"vary": {"model.norm": []}}, r"vary.model.norm"),
        ({}, {"vary": {"num_epochs.x": [1]}}, r"num_epochs.x does not name a key of a run: num_epochs = 3 has no keys"),
        ({}, {"vary": {"model.norm": ["batch", "none", "batch"]}},
         r"setting: model.norm = 'batch' and model.norm = 'batch' are the same: leave one of them out"),
        ({"contrasts": {}}, {"vary": {}, "variants": TWICE}, r"variant = 'One' and variant = 'Two' are the same"),
        ({"contrasts": {}}, {"vary": {}, "variants": {"One": {}, "Two": {"batch_size": None}}}, r"'One' and variant = 'Two' are the same"),
        ({}, {"measures": {"regularty": {}}}, r"setting: model.norm = batch: measures.regularty is unknown, choose from regularity"),
        ({}, {"measures": {"regularity": {"estimater": "store"}}}, r"measures.regularity: estimater is not a known key"),
        ({}, {"measures": {"regularity": {"num_sketch": 8}}}, r"num_sketch needs estimator sketch or auto"),
        ({}, {"measures": {"regularity": {"estimator": "replay", "epochs": [4]}}}, r"epochs asks for 4, but this training has 3 epochs"),
        ({}, {"measures": {"regularity": "replay"}}, r"measures.regularity = 'replay': input should be a valid dictionary"),
        ({}, {"measures": {}}, r"setting: claim bn-gamma: metric = 'gamma' cannot be claimed of batch norm, choose from .*final_test_loss"),
        ({}, {"thresholds": {"gamma": 0.3}}, r"thresholds.gamma = 0.3: this metric is not about reaching a value"),
        ({}, {"thresholds": {"cosine": 0.3}}, r"thresholds.cosine is no metric that reaches something, choose from steps_to_loss"),
        ({}, {"thresholds": {"steps_to_loss": 0.0}}, r"thresholds.steps_to_loss = 0.0: .*greater than 0"),
        ({}, {"primary": {"model.init": ["lsuv"]}}, r"setting: primary: model.init is not varied here; what is varied: model.norm"),
        ({}, {"primary": {"model.norm": ["batch"]}}, r"setting: primary: model.norm is compared by a contrast: name varied keys that none"),
        ({}, {"primary": {"batch_size": [20]}, "vary": {"batch_size": [10, 30], "model.norm": ["batch", "none"]}},
         r"setting: primary: batch_size = 20 is no variant of this figure, choose from 10, 30"),
        ({}, {"primary": {"model.norm": []}}, r"primary.model.norm"),
        ({"contrasts": {"bn": QUESTION["contrasts"]["bn"] | {"source": "us"}}}, {},
         r"contrasts.bn.source = 'us': input should be 'ours' or 'paper'"),
        ({"panels": ["loss"]}, {}, r"params/fig04.yaml: panels: 'loss' is no column of epochs here, choose from test_loss, .*train_loss"),
        ({"contrasts": {"bn": contrast({"model.norm": "layer"}, {"model.norm": "none"})}}, {},
         r"params/fig04.yaml: contrasts.bn: model.norm = 'layer' is no variant of this figure, choose from batch, none \(setting\)"),
        ({"contrasts": {"skip": contrast({"model.skip": 1}, {"model.skip": 0})}}, {},
         r"contrasts.skip: model.skip is not varied here; what is varied: model.norm"),
        ({"contrasts": {"bn": contrast({"model.norm": "batch"}, {"model.norm": "batch"})}}, {},
         r"contrasts.bn: treatment and control must give different values to the same keys"),
        ({"contrasts": {"bn": contrast({"model.norm": "batch"}, {"model.skip": True})}}, {}, r"different values to the same keys"),
        ({"contrasts": {"b n": contrast({"model.norm": "batch"}, {"model.norm": "none"})}}, {}, r"question: contrasts.b n"),
        ({"contrasts": {"bn": contrast({"model.norm": "batch"}, {"model.norm": "none"}, "usul")}}, {},
         r"params/fig04.yaml: contrasts.bn: battery = 'usul' is unknown, choose from usual, or list measures of success"),
        ({"contrasts": {"bn": contrast({"model.norm": "batch"}, {"model.norm": "none"}, ["gama"])}}, {},
         r"contrasts.bn: battery: 'gama' is no measure of success, choose from gamma, cosine"),
        ({"success": {"own": SUCCESS}}, {}, r"params/fig04.yaml: success.own is in no contrast's battery"),
        ({"contrasts": {"a": contrast({"model.norm": "batch"}, {"model.norm": "none"}, ["b-c"]),
                        "a-b": contrast({"model.norm": "none"}, {"model.norm": "batch"}, ["c"])},
          "success": {"b-c": SUCCESS, "c": SUCCESS}}, {}, r"params/fig04.yaml: two claims are called a-b-c"),
        ({"success": {"gamma": SUCCESS}}, {}, r"params/fig04.yaml: contrasts.bn: success.gamma is in params/batteries.yaml already"),
        ({"title": ""}, {}, r"question: title = ''"),
        ({"contrasts": {}}, {"vary": {}, "variants": {"": {}}}, r"setting: variants"),
        ({}, {"base": base(model="vgg11")}, r"model.norm does not name a key of a run: model = 'vgg11' has no keys"),
        ({}, {"vary": {"seed": [0, 1]}}, r"setting: vary.seed is not a known key: `seeds` says how many"),
        ({}, {"variants": {"A": {"seed": 3}}}, r"setting: variants.A.seed is not a known key"),
        ({}, {"variants": {"A": {"model.norm": "none"}}}, r"setting: variants.A.model.norm is in `vary` as well"),
        ({}, {"vary": {"kind": ["training"]}}, r"setting: vary.kind cannot be varied"),
        ({}, {"vary": {"variant": ["a", "b"]}}, r"setting: vary.variant cannot be varied; named variants stand under `variants`"),
        ({}, {"base": base(measures={"nonsense": {}})}, r"setting: base.measures: measures stand beside base"),
        ({}, {"vary": {"measures": [None]}}, r"setting: vary.measures: measures stand beside base; what varies is an option"),
        ({}, {"vary": {"measures.regularity": [{}]}}, r"setting: vary.measures.regularity: measures stand beside base"),
        ({"sources": ["fig02"]}, {}, r"contrasts and success must be left out where there are sources"),
        ({"contrasts": {}, "sources": ["figure"]}, {}, r"sources.0 = 'figure'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(question, setting, message):
    with pytest.raises(InputError, match=message):
        figure(question, setting)


@pytest.mark.parametrize(
    ("success", "message"),
    [
        ({"smallest_effect": 0.9}, r"smallest_effect = 0.9 of a ratio must be above 1"),
        ({"effect": "difference", "smallest_effect": -0.1}, r"smallest_effect = -0.1 of a difference must not be negative"),
        ({"text": "{treated} is better"}, r"may hold \{treatment\}, \{control\} and \{threshold\} only"),
        ({"text": "{ is better"}, r"may hold \{treatment\}, \{control\} and \{threshold\} only"),
        ({"metric": "gama"}, r"claim bn-a: metric = 'gama' cannot be claimed of batch norm, choose from gamma, gamma_.* … and \d+ more$"),
        ({"metric": "steps_to_loss"}, r"claim bn-a needs thresholds.steps_to_loss: the loss that is to be reached"),
    ],
)  # fmt: skip
def test_a_measure_of_success_that_makes_no_sense_is_named(success, message):
    with pytest.raises(InputError, match=message):
        figure(batteries=battery_of(a=success))


def test_a_battery_of_unknown_measures_of_success_is_refused():
    with pytest.raises(
        InputError, match=r"batteries.usual: 'gama' is no measure of success, choose from gamma, cosine"
    ):
        figure(batteries=BATTERIES | {"batteries": {"usual": ["gama"]}})


def test_a_metric_that_one_side_is_not_measured_by_is_no_claim():
    """Its numbers would be missing, and a missing number is no verdict."""
    with pytest.raises(InputError, match=r"claim bn-cosine: metric = 'cosine' cannot be claimed of batch norm"):
        figure(
            {"contrasts": {"bn": QUESTION["contrasts"]["bn"] | {"battery": ["cosine"]}}},
            measures={"regularity": {"estimator": "epoch"}},
        )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"name": "quadratic", "eigenvalues": [1.0]}, "has no labels"),
        ({"name": "digits10", "shuffle_targets": True}, "is trained on random labels already"),
    ],
)
def test_data_whose_labels_cannot_be_shuffled_is_refused(data, why):
    with pytest.raises(InputError, match=f"setting: random_label_seeds = 1 must be 0: batch norm {why}"):
        figure(base=base(data=data), random_label_seeds=1)


def test_a_key_two_levels_deep_is_varied_without_rewriting_base():
    model = {"name": "vgg11", "activation": {"name": "elu", "alpha": 0.5}}
    made = figure({"contrasts": {}}, base=base(model=model), vary={"model.activation.alpha": [0.1, 0.2]})
    assert [one.spec.model.activation.alpha for one in made.variants] == [0.1, 0.2]
    assert made.setting.base["model"] == model == {"name": "vgg11", "activation": {"name": "elu", "alpha": 0.5}}


def test_the_name_of_a_measure_with_its_options_is_in_what_is_wanted():
    (wanted, *_) = figure(measures={"regularity": {"estimator": "epoch"}}).wanted()
    assert list(wanted.measures.values()) == [Regularity(estimator="epoch")]
