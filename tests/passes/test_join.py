"""Products that are computed as one: how many are left, and that values and gradients stay what they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.autodiff import differentiate
from graphc.backend.reference import Run, prepare
from graphc.driver.program import Program
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, LoopNode, Node, Value
from graphc.ir.verifier import verify
from graphc.ops.contraction import CONTRACT, matmul
from graphc.ops.elementwise import ADD, MUL, SIGMOID, TANH
from graphc.ops.indexing import SCATTER_ADD
from graphc.ops.leaf import PIN
from graphc.passes import optimize
from graphc.passes.cse import Cse
from graphc.passes.dce import Dce
from graphc.passes.join import Join
from graphc.passes.layout import in_order
from graphc.passes.signature import signature
from graphc.passes.simplify import Simplify
from graphc.types import BATCH, Dim, Index, Length, TensorType
from tests.autodiff.recurrences import EXAMPLES
from tests.gradient_checks import draw_inputs
from tests.language.harness import compiled, drawn, given_lengths
from tests.language.test_random_specs import case_of
from tests.loops import Outcome, Step, loop
from tests.passes.comparing import DENSE, RUNS, assert_same, graph, inside, loops, ops
from tests.random_graphs import random_graph

SPECS = sorted(Path(__file__).parents[2].joinpath("specs").glob("*.nn"))
D, H, K = Dim.named("D", 3), Dim.named("H", 2), Dim.named("K", 4)
T = Index.full("t", Length("T"))


def real(name: str, *axes: Index, shape: tuple[Dim, ...] = ()) -> Value:
    return Value(TensorType.of("real", axes, shape), name)


X, Y = real("x", BATCH, shape=(D,)), real("y", BATCH, shape=(H,))
A, B, C = real("A", shape=(H, D)), real("B", shape=(H, D)), real("C", shape=(K, D))


def joined(before: Graph) -> Graph:
    after = Join()(before)
    verify(after)
    for change in (Simplify(), Cse(), Dce()):
        after = change(after)
        verify(after)
    return after


def training_graph(spec: str | Path, *, dense: bool = True) -> Graph:
    program = graphc.compile(spec)
    return training_graphs(program, dense)[0]


def training_graphs(program: Program, dense: bool) -> list[Graph]:
    made = program.pipeline.gradients("train", program.trainable, dense=dense)
    return [executable.graph for executable, _ in made.parts]


def products(graph: Graph) -> tuple[int, list[int]]:
    """How many contractions stand at the top, and in each loop."""
    top = sum(isinstance(node, Node) and node.op is CONTRACT for node in graph.nodes)
    return top, [ops(node.loop.body)["contract"] for node in loops(graph)]


# Cells.

HEAD = """dim D = 3, H = 4
axis t = 1..T
input x[t] : [D], y[t] : [H]
"""

LSTM = """param Wi, Wf, Wo, Wg : [H, D], Ui, Uf, Uo, Ug : [H, H], bi, bf, bo, bg : [H], Vi, Vf, Vo : [H]
h[0] = 0
c[0] = 0
i[t] = sigmoid(Wi @ x[t] + Ui @ h[t-1] + bi)
f[t] = sigmoid(Wf @ x[t] + Uf @ h[t-1] + bf)
g[t] = tanh(Wg @ x[t] + Ug @ h[t-1] + bg)
c[t] = f[t] * c[t-1] + i[t] * g[t]
o[t] = sigmoid(Wo @ x[t] + Uo @ h[t-1] + bo)
h[t] = o[t] * tanh(c[t])
"""

PEEPHOLE = (
    LSTM.replace("bi)", "Vi * c[t-1] + bi)")
    .replace("bf)", "Vf * c[t-1] + bf)")
    .replace("bo)", "Vo * c[t] + bo)")
)

GRU = """param Wz, Wr, Wk : [H, D], Uz, Ur, Uk : [H, H], bz, br, bk : [H]
h[0] = 0
z[t] = sigmoid(Wz @ x[t] + Uz @ h[t-1] + bz)
r[t] = sigmoid(Wr @ x[t] + Ur @ h[t-1] + br)
k[t] = tanh(Wk @ x[t] + STEP + bk)
h[t] = (1 - z[t]) * k[t] + z[t] * h[t-1]
"""

OWN = """param W : [H, D], V : [H, D], U, M : [H, H]
s[0] = 0
a[t] = tanh(W @ x[t] + U @ s[t-1])
s[t] = a[t] * sigmoid(V @ x[t] + M @ s[t-1]) + 0.5 * s[t-1]
h[t] = sin(s[t])
"""

LOSS = "minimize mean[t](sum((h[t] - y[t])^2))\n"

CELLS = {
    # Inputs, the gradient of W, the gradient of U; one product a step each way.
    "lstm": (LSTM, (3, [1, 1])),
    "peephole": (PEEPHOLE, (3, [1, 1])),
    "gru after the product": (GRU.replace("STEP", "r[t] * (Uk @ h[t-1])"), (3, [1, 1])),
    # The third recurrent product has an operand of its own.
    "gru before the product": (GRU.replace("STEP", "Uk @ (r[t] * h[t-1])"), (4, [2, 2])),
    "a cell of one's own": (OWN, (3, [1, 1])),
}


@pytest.mark.parametrize("dense", [True, False], ids=["dense", "ragged"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_has_one_product_of_each_kind(cell: str, dense: bool) -> None:
    equations, expected = CELLS[cell]
    before = training_graph(HEAD + equations + LOSS, dense=dense)
    after = joined(before)
    assert products(after) == expected
    assert_same(before, after, {"dense": DENSE} if dense else RUNS)


@pytest.mark.parametrize("dense", [True, False], ids=["dense", "ragged"])
def test_cotangents_of_gates_are_stacked_side_by_side(dense: bool) -> None:
    after = joined(training_graph(HEAD + LSTM + LOSS, dense=dense))
    _, backward = loops(after)
    assert backward.loop.stacks == 1
    assert ops(backward.loop.body)["concat"] == 1
    assert inside(after)["reduce_sum"] == 0
    biases = [
        n for n in after.nodes if isinstance(n, Node) and n.op.name == "reduce_sum" and n.result.type.rank
    ]
    assert len(biases) == 1


def test_weights_are_laid_out_once_for_both_passes() -> None:
    for equations in (LSTM, GRU.replace("STEP", "r[t] * (Uk @ h[t-1])")):
        after = joined(training_graph(HEAD + equations + LOSS))
        laid = [n for n in after.nodes if isinstance(n, Node) and n.op.name == "concat"]
        weights = [node for node in laid if node.result.type.rank == 2]
        # U alone: without the gradient of x, W is read by the forward pass only.
        assert len(weights) == 2
        assert all(not node.result.type.axes for node in weights)


def test_the_cotangent_of_what_gates_share_is_one_product() -> None:
    text = HEAD + "param E : [D, D]\ne[t] = tanh(E @ x[t])\n" + LSTM.replace("x[t]", "e[t]") + LOSS
    before = training_graph(text)
    after = joined(before)
    # As above, and E @ x, the cotangent of e, the gradient of E.
    assert products(after) == (6, [1, 1])
    assert_same(before, after, {"dense": DENSE})


TABLE = """dim V = 5, D = 3, H = 4
axis t = 1..T
input s[t] : index(V), y[t] : [H]
param Emb : [V, D]
x[t] = Emb[s[t]]
"""


@pytest.mark.parametrize("dense", [True, False], ids=["dense", "ragged"])
@pytest.mark.parametrize("cell", ["lstm", "peephole", "gru after the product"])
def test_cotangents_of_a_table_are_added_up_by_symbol_at_once(cell: str, dense: bool) -> None:
    """The products are those of the table, and biases get their gradients from the sums by symbol."""
    before = training_graph(TABLE + CELLS[cell][0] + LOSS, dense=dense)
    after = joined(before)
    assert ops(before)["scatter_add"] > 1
    scatters = [n for n in after.nodes if isinstance(n, Node) and n.op.name == "scatter_add"]
    assert len(scatters) == 1
    # With the table, the gradients of U, of W, and of the table.
    assert products(after) == (4, [1, 1])
    assert loops(after)[1].loop.stacks == 1
    assert inside(after)["reduce_sum"] == 0
    assert_same(before, after, {"dense": DENSE} if dense else RUNS)


def test_biases_are_added_to_what_lies_side_by_side() -> None:
    b, p, q = Builder(), real("p", shape=(H,)), real("q", shape=(H,))
    sums = [b(ADD, matmul(b, A, X), p), b(ADD, q, matmul(b, B, X))]
    before = graph(b, X, A, B, p, q, y=b(TANH, sums[0]), z=b(SIGMOID, sums[1]))
    after = joined(before)
    assert ops(after) == {"concat": 2, "contract": 1, "add": 1, "slice": 2, "tanh": 1, "sigmoid": 1}
    assert_same(before, after, tolerance=1e-12)


def test_sums_by_number_of_parts_of_one_value_are_one() -> None:
    """The new dim stands in front of the one along which the parts lie, or behind it."""
    for dim in (0, 1):
        b, n = Builder(), Value(TensorType.of("int", (BATCH,)), "n")
        parts = [matmul(b, A, X), matmul(b, B, X)]
        sums = [b(SCATTER_ADD, part, n, dim=dim, size=K, indices=(BATCH,)) for part in parts]
        before = graph(b, X, n, A, B, p=sums[0], q=sums[1])
        after = joined(before)
        assert ops(after)["scatter_add"] == 1
        assert_same(before, after)


# Small graphs.


def test_products_with_one_operand_in_common_are_one() -> None:
    b = Builder()
    before = graph(b, X, A, B, C, p=matmul(b, A, X), q=b(TANH, matmul(b, B, X)), r=matmul(b, C, X))
    after = joined(before)
    assert ops(after) == {"concat": 1, "contract": 1, "slice": 3, "tanh": 1}
    assert_same(before, after)


def test_a_product_that_waits_for_another_is_left_alone() -> None:
    b = Builder()
    scaled = b(MUL, B, b(TANH, b(CONTRACT, A, A, labels=(("i", "j"), ("i", "j"), ()), indices=())))
    first = matmul(b, A, X)
    total = b(CONTRACT, first, Y, labels=(("k",), ("k",), ()), indices=(BATCH,))
    last = matmul(b, b(MUL, scaled, total), X)
    before = graph(b, X, Y, A, B, p=first, q=last)
    assert signature(joined(before)) == signature(before)


def test_large_values_are_not_copied_to_be_joined() -> None:
    """A copy of what varies over the batch would cost more than one product less gains."""
    b, other = Builder(), real("z", BATCH, shape=(D,))
    labels = (("i",), ("j",), ("i", "j"))
    sums = {
        name: b(CONTRACT, value, Y, labels=labels, indices=(BATCH,))
        for name, value in (("p", X), ("q", other))
    }
    total = b(ADD, matmul(b, A, X), matmul(b, B, other))
    before = graph(b, X, Y, other, A, B, total=total, **sums)
    assert Join()(before) is before


def test_parameters_are_not_copied_for_a_single_product() -> None:
    b, v = Builder(), real("v", shape=(D,))
    before = graph(b, v, A, B, p=matmul(b, A, v), q=matmul(b, B, v))
    assert Join()(before) is before


def test_whole_numbers_are_left_alone() -> None:
    b = Builder()
    n = [
        Value(TensorType.of("int", axes, shape), name)
        for name, axes, shape in [("m", (), (H, D)), ("n", (), (H, D)), ("v", (BATCH,), (D,))]
    ]
    before = graph(b, *n, p=matmul(b, n[0], n[2]), q=matmul(b, n[1], n[2]))
    assert Join()(before) is before


def test_pinned_values_keep_their_own_node() -> None:
    b = Builder()
    before = graph(b, X, A, B, p=b(PIN, matmul(b, A, X), name="p"), q=matmul(b, B, X))
    after = joined(before)
    assert ops(after) == {"concat": 1, "contract": 1, "slice": 2, "pin": 1}
    assert_same(before, after)


def test_a_sum_in_a_loop_keeps_its_other_terms() -> None:
    b = Builder()
    u, v, x = real("U", shape=(H, H)), real("V", shape=(H, H)), real("x", BATCH, T, shape=(H,))

    def step(b: Builder, at: Step) -> Outcome:
        (u, v), (x,), (g, h) = at.constants, at.slices, at.carries
        total = b(ADD, b(ADD, x, matmul(b, u, g)), b(ADD, matmul(b, v, h), h))
        new = b(TANH, total)
        return [new, b(SIGMOID, g)], [new]

    start = [real("g", BATCH, shape=(H,)), real("h", BATCH, shape=(H,))]
    results = loop(b, T, step, constants=[u, v], sequences=[x], carries=start)
    before = graph(b, u, v, x, *start, y=results[2])
    after = joined(before)
    assert products(after) == (0, [1])
    assert inside(after) == {"contract": 1, "concat": 1, "add": 2, "tanh": 1, "sigmoid": 1}
    assert_same(before, after)


def test_rows_keep_sets_in_one_piece() -> None:
    names = {name: Value(TensorType("real"), name) for name in "abcde"}
    key = {value: i for i, value in enumerate(names.values())}.__getitem__

    def rows(*sets: str) -> list[str]:
        found = in_order([frozenset(names[name] for name in each) for each in sets], key)
        return ["".join(value.name for value in row) for row in found]

    assert rows("abc") == ["abc"]
    assert rows("ab", "cd") == ["ab", "cd"]
    for sets in (("abc", "bcd"), ("acd", "abc"), ("abcd", "bc", "de")):
        (row,) = rows(*sets)
        for each in sets:
            assert any(set(row[i : i + len(each)]) == {*each} for i in range(len(row)))
    assert rows("abc", "ad", "bd") == ["bcad"]


# Whatever comes.


def random_cell(seed: int) -> str:
    """A cell with gates of two sizes that read the states before, each other and the inputs, in any mix."""
    random = np.random.default_rng(seed)
    lines = ["h[0] = 0", "c[0] = 0.5"]
    params = ["P : [H, K]"]
    names: dict[str, list[str]] = {"H": ["h[t-1]", "c[t-1]"], "K": []}
    inputs = {"D": ["x[t]", "z[t]"], "H": names["H"], "K": names["K"]}
    for i in range(random.integers(3, 7)):
        size = "H" if i < 2 or random.random() < 0.7 else "K"
        terms = []
        for j in range(random.integers(1, 4)):
            source = "DHK"[random.integers(3 if names["K"] else 2)]
            read = inputs[source][random.integers(len(inputs[source]))]
            if source == "H" and random.random() < 0.3:
                read = f"({read} * {names['H'][random.integers(len(names['H']))]})"
            params.append(f"W{i}{j} : [{size}, {source}]")
            terms.append(f"W{i}{j} @ {read}")
        if random.random() < 0.5:
            params.append(f"b{i} : [{size}]")
            terms.insert(int(random.integers(len(terms) + 1)), f"b{i}")
        function = ("tanh", "sigmoid", "sin")[random.integers(3)]
        lines.append(f"g{i}[t] = {function}({' + '.join(terms)})")
        names[size].append(f"g{i}[t]")
    lines.append(f"c[t] = g0[t] * c[t-1] + {names['H'][-1]}")
    lines.append(f"h[t] = g1[t] * tanh(c[t]){' + P @ ' + names['K'][-1] if names['K'] else ''}")
    head = "dim D = 3, H = 4, K = 2\naxis t = 1..T\ninput x[t] : [D], z[t] : [D], y[t] : [H]\n"
    return head + f"param {', '.join(params)}\n" + "\n".join(lines) + "\n" + LOSS


@pytest.mark.parametrize("seed", range(24))
def test_random_cells_compute_the_same(seed: int) -> None:
    dense = seed % 3 == 0
    before = training_graph(random_cell(seed), dense=dense)
    after = joined(before)
    assert ops(after)["contract"] < ops(before)["contract"]
    assert_same(before, after, {"dense": DENSE} if dense else RUNS)
    assert signature(joined(after)) == signature(after)


@pytest.mark.parametrize("seed", range(24))
def test_random_graphs_compute_the_same(seed: int) -> None:
    drawn = random_graph(seed, size=20)
    before = optimize(differentiate(drawn.graph, "loss", drawn.inputs).graph, keep=())
    after = joined(before)
    assert_same(before, after)
    assert ops(after)["contract"] <= ops(before)["contract"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_recurrences_compute_the_same(name: str) -> None:
    example = EXAMPLES[name]()
    before = optimize(differentiate(example.graph, "loss", example.wrt).graph, keep=())
    assert_same(before, joined(before))


def assert_equal(before: Graph, run: Run) -> None:
    inputs = draw_inputs(before, run)
    expected, found = prepare(before).run(inputs, run), prepare(joined(before)).run(inputs, run)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("seed", range(12))
def test_random_specs_compute_the_same(seed: int) -> None:
    case = case_of(seed)
    program = compiled(case, verify=True)
    inputs, lengths = drawn(case, program), given_lengths(case)
    expected = program.value_and_grad(inputs, mode="eval", lengths=lengths)
    other = compiled(case, verify=True)
    pipeline = other.pipeline
    plain = pipeline.optimized
    pipeline.optimized = lambda *args, **options: joined(plain(*args, **options))  # type: ignore[method-assign]
    found = other.value_and_grad(inputs, mode="eval", lengths=lengths)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12, atol=1e-12)
    for name, array in expected[1].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_specs_compute_the_same(path: Path) -> None:
    program = graphc.compile(path)
    if not program.pipeline.has_loss("train"):
        pytest.skip("no loss")
    for before in training_graphs(program, dense=True):
        indices = {index for value in before.inputs for index in value.type.axes} - {BATCH}
        lengths = {index.length.name: 4 for index in indices if not index.length.is_fixed}
        assert_equal(before, Run(batch=3, lengths=lengths))


@pytest.mark.parametrize("seed", range(5))
def test_a_second_time_nothing_is_left_to_do(seed: int) -> None:
    drawn = random_graph(seed, size=20)
    once = joined(optimize(differentiate(drawn.graph, "loss", drawn.inputs).graph, keep=()))
    assert signature(joined(once)) == signature(once)


def test_a_graph_without_work_stays_the_graph_it_was() -> None:
    before = joined(training_graph(HEAD + LSTM + LOSS))
    assert Join()(before) is before
    assert any(isinstance(node, LoopNode) for node in before.nodes)
