import { callBuiltin, compare } from "./builtins.ts";
import { Graph } from "./graph.ts";
import { type MadeNode, type Reads, type Ref, readsOf, type Schema, Untraceable, type Value } from "./nodes.ts";
import type { Block, Operand, Plan, PlanFunction, Statement } from "./plan.ts";

/** What the locals hold where a statement stands. */
interface State {
  frame: Frame;
  locals: Map<number, ReadonlySet<Ref>>;
  /** All that was put into a local since the innermost block began: it may end after any statement. */
  assigned: Map<number, Set<Ref>>;
}

/** A function with the values that its arguments may have. */
interface Frame {
  fn: Pick<PlanFunction, "name" | "blocks">;
  args: Map<number, Value>;
  result: Value;
  made: Map<Statement, MadeNode>;
  round: number;
}

const MOST_ROUNDS = 50;
const MOST_FRAMES = 24;
const SHAPES = { MakeArrayStmt: "array", MakeObjectStmt: "object", MakeSetStmt: "set" } as const;
/** The first two arguments of every function, and the first two locals of the plan. */
const INPUT = 0;
const DATA = 1;

/**
 * Follows the input through a plan, and notes what of it is read. It never misses a read: a value is followed wherever
 * it may flow, whatever the order, and what is not known to read less reads all. Throws Untraceable.
 */
export class Analysis {
  readonly #plan: Plan;
  readonly #functions: ReadonlyMap<string, PlanFunction>;
  readonly #graph: Graph;
  readonly #cut: (fn: PlanFunction) => boolean;
  readonly #frames = new Map<string, Frame>();
  readonly #byFunction = new Map<string, number>();
  #round = 0;

  /** `cut`: functions that are analysed by themselves. */
  constructor(
    plan: Plan,
    functions: ReadonlyMap<string, PlanFunction>,
    schema: Schema,
    cut: (fn: PlanFunction) => boolean,
  ) {
    this.#plan = plan;
    this.#functions = functions;
    this.#graph = new Graph(schema);
    this.#cut = cut;
  }

  /** What is read of the input by a function, or by the plan itself. */
  reads(root: PlanFunction | Block[]): Reads {
    const fn = Array.isArray(root) ? { name: "", blocks: root } : root;
    for (this.#round = 1; ; this.#round++) {
      if (this.#round > MOST_ROUNDS) throw new Untraceable("the plan is too deep");
      const before = this.#graph.version;
      const args = [new Set<Ref>([this.#graph.root]), new Set<Ref>([this.#graph.opaque])];
      // Who called it may do anything with what it answers.
      this.#graph.readAll(this.#run(fn, Array.isArray(root) ? [INPUT, DATA] : root.params, args));
      if (this.#graph.version === before) return readsOf(this.#graph.root);
    }
  }

  #run(fn: Frame["fn"], params: readonly number[], args: readonly Value[]): Value {
    // One frame for each set of arguments, up to a point, and from there on one for them all.
    const known = this.#byFunction.get(fn.name) ?? 0;
    const exact = `${fn.name}|${args.map(keyOf).join("|")}`;
    const key = this.#frames.has(exact) || known < MOST_FRAMES ? exact : fn.name;
    let frame = this.#frames.get(key);
    if (frame === undefined) {
      this.#byFunction.set(fn.name, known + 1);
      frame = { fn, args: new Map(), result: new Set(), made: new Map(), round: 0 };
      this.#frames.set(key, frame);
    }
    const before = this.#graph.version;
    for (const [i, param] of params.entries()) {
      const held = frame.args.get(param) ?? new Set();
      frame.args.set(param, held);
      this.#graph.add(held, args[i] ?? []);
    }
    if (frame.round === this.#round && this.#graph.version === before) return frame.result;
    frame.round = this.#round;
    const state: State = { frame, locals: new Map(frame.args), assigned: new Map() };
    for (const block of fn.blocks) this.#nested(state, block, block);
    return frame.result;
  }

  #nested(state: State, block: Block, own: Block): void {
    const inner: State = { frame: state.frame, locals: new Map(state.locals), assigned: new Map() };
    for (const statement of block.stmts ?? []) this.#statement(inner, statement, own);
    // A block ends at the first statement that is undefined.
    for (const [local, refs] of inner.assigned) {
      state.locals.set(local, new Set([...(state.locals.get(local) ?? []), ...refs]));
      collect(state.assigned, local, refs);
    }
  }

  #statement(state: State, statement: Statement, own: Block): void {
    const { type, stmt } = statement;
    const graph = this.#graph;
    const value = (operand: Operand | number | undefined): Value => this.#value(state, operand);
    const held = (local: number | undefined): ReadonlySet<Ref> => state.locals.get(local ?? -1) ?? new Set();
    const assign = (target: number | undefined, refs: Iterable<Ref>): void => this.#assign(state, target, refs);
    switch (type) {
      case "AssignVarStmt":
        assign(stmt.target, value(stmt.source));
        return;
      case "AssignVarOnceStmt":
        // What it held stays, and two values are compared.
        if (held(stmt.target).size > 0) graph.readAll([...value(stmt.source), ...held(stmt.target)]);
        assign(stmt.target, [...held(stmt.target), ...value(stmt.source)]);
        return;
      case "ResetLocalStmt":
        assign(stmt.target, []);
        return;
      case "AssignIntStmt":
      case "MakeNullStmt":
      case "MakeNumberIntStmt":
      case "MakeNumberRefStmt":
        assign(stmt.target, [graph.scalar]);
        return;
      case "MakeArrayStmt":
      case "MakeObjectStmt":
      case "MakeSetStmt": {
        const made = this.#made(state.frame, statement, SHAPES[type]);
        made.path = type === "MakeArrayStmt" ? [] : undefined;
        this.#blocks.set(made, own);
        assign(stmt.target, [made]);
        return;
      }
      case "ArrayAppendStmt":
        this.#append(state, stmt, own);
        return;
      case "ObjectInsertStmt":
      case "ObjectInsertOnceStmt":
        graph.readAll([...value(stmt.key)].filter((key) => key.kind !== "text"));
        // Two values for one key are compared.
        if (type === "ObjectInsertOnceStmt") graph.readAll(value(stmt.value));
        graph.insert(value(stmt.object), value(stmt.key), value(stmt.value));
        return;
      case "SetAddStmt":
        // Members are compared with each other: two that differ in what was left out would be one.
        graph.readAll(value(stmt.value));
        graph.insert(value(stmt.set), undefined, value(stmt.value));
        return;
      case "DotStmt": {
        const key = value(stmt.key);
        graph.readAll([...key].filter((one) => one.kind !== "text"));
        assign(stmt.target, graph.lookUp(value(stmt.source), key, false));
        return;
      }
      case "LenStmt":
        graph.count(value(stmt.source));
        assign(stmt.target, [graph.scalar]);
        return;
      case "ScanStmt":
        this.#scan(state, stmt);
        return;
      case "EqualStmt":
      case "NotEqualStmt":
        compare(graph, value(stmt.a), value(stmt.b));
        return;
      case "IsArrayStmt":
      case "IsObjectStmt":
      case "IsSetStmt":
        graph.observe(value(stmt.source));
        return;
      case "ObjectMergeStmt":
        graph.readAll([...value(stmt.a), ...value(stmt.b)]);
        assign(stmt.target, [graph.opaque]);
        return;
      case "CallStmt":
        assign(stmt.result, this.#call(state, statement));
        return;
      case "BlockStmt":
        for (const block of stmt.blocks ?? []) this.#nested(state, block, block);
        return;
      case "NotStmt":
        if (stmt.block !== undefined) this.#nested(state, stmt.block, stmt.block);
        return;
      case "ReturnLocalStmt":
        graph.add(state.frame.result, value(stmt.source));
        return;
      case "ResultSetAddStmt":
        graph.readAll(value(stmt.value));
        return;
      case "IsUndefinedStmt":
        // From here on to the end of the block.
        state.locals.set(stmt.source as number, new Set());
        return;
      // Whether a local has a value was settled where it got it, and what is read there is kept.
      case "IsDefinedStmt":
      case "BreakStmt":
      case "NopStmt":
        return;
      default:
        // `with`, and calls of functions that only data names.
        throw new Untraceable(`${type} in ${state.frame.fn.name}`);
    }
  }

  readonly #blocks = new WeakMap<MadeNode, Block>();

  #append(state: State, stmt: Statement["stmt"], own: Block): void {
    const added = this.#value(state, stmt.value);
    const arrays = this.#value(state, stmt.array);
    const [text] = added;
    for (const array of arrays) {
      if (array.kind !== "made") continue;
      const known = added.size === 1 && text?.kind === "text" && this.#blocks.get(array) === own && arrays.size === 1;
      array.path = known && array.path !== undefined ? [...array.path, text.text] : undefined;
    }
    this.#graph.insert(arrays, undefined, added);
  }

  #scan(state: State, stmt: Statement["stmt"]): void {
    const graph = this.#graph;
    const source = this.#value(state, stmt.source);
    graph.count(source);
    const keys = new Set<Ref>([graph.scalar]);
    const values = new Set<Ref>();
    for (const ref of source) {
      const entries = graph.entries(ref);
      // What a set has is its key as well.
      const isKey = ref.kind === "opaque" || (ref.kind === "made" && ref.shape === "set");
      for (const one of entries) (isKey ? keys.add(one) : keys) && values.add(one);
    }
    const block = { stmts: stmt.block?.stmts ?? [] };
    // What one turn leaves in a local, the next may find there.
    for (let before = -1; before !== sizeOf(state.locals); ) {
      before = sizeOf(state.locals);
      const turn: State = { frame: state.frame, locals: new Map(state.locals), assigned: new Map() };
      this.#assign(turn, stmt.key as number, keys);
      this.#assign(turn, stmt.value as number, values);
      this.#nested(turn, block, stmt.block ?? block);
      for (const [local, refs] of turn.assigned) {
        state.locals.set(local, new Set([...(state.locals.get(local) ?? []), ...refs]));
        collect(state.assigned, local, refs);
      }
    }
  }

  #call(state: State, statement: Statement): Iterable<Ref> {
    const { func = "", args = [] } = statement.stmt;
    const values = args.map((operand) => this.#value(state, operand));
    const fn = this.#functions.get(func);
    if (fn === undefined)
      return callBuiltin(this.#graph, func, values, () => this.#made(state.frame, statement, "array"));
    if (this.#cut(fn)) return [this.#graph.opaque];
    return this.#run(fn, fn.params, values);
  }

  #made(frame: Frame, statement: Statement, shape: MadeNode["shape"]): MadeNode {
    let made = frame.made.get(statement);
    if (made === undefined) {
      made = this.#graph.made(shape);
      frame.made.set(statement, made);
    }
    return made;
  }

  #value(state: State, operand: Operand | number | undefined): Value {
    const local =
      typeof operand === "number" ? operand : operand?.type === "local" ? (operand.value as number) : undefined;
    if (local !== undefined) return (state.locals.get(local) as Value | undefined) ?? new Set();
    if (typeof operand === "object" && operand.type === "string_index") {
      const text = this.#plan.static.strings?.[operand.value as number]?.value;
      if (text !== undefined) return new Set([this.#graph.text(text)]);
    }
    return new Set([this.#graph.scalar]);
  }

  #assign(state: State, target: number | undefined, refs: Iterable<Ref>): void {
    if (target === undefined) return;
    const value = new Set(refs);
    state.locals.set(target, value);
    collect(state.assigned, target, value);
  }
}

function collect(assigned: State["assigned"], local: number, refs: Iterable<Ref>): void {
  const held = assigned.get(local) ?? new Set();
  assigned.set(local, held);
  for (const ref of refs) held.add(ref);
}

function sizeOf(locals: State["locals"]): number {
  let size = 0;
  for (const refs of locals.values()) size += refs.size;
  return size;
}

function keyOf(value: Value): string {
  return [...value]
    .map(({ id }) => id)
    .sort((a, b) => a - b)
    .join(",");
}
