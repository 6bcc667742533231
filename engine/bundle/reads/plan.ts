/** OPA's intermediate representation, as far as it is read here (openpolicyagent.org, "IR"; opa v1/ir/ir.go). */
export interface Plan {
  static: { strings?: { value: string }[] };
  plans: { plans: { name: string; blocks: Block[] }[] };
  funcs: { funcs?: PlanFunction[] };
}

export interface PlanFunction {
  name: string;
  /** `["g0", "sallyport", "rules", "workload", "host_path", "findings"]`. */
  path?: string[];
  params: number[];
  return: number;
  blocks: Block[];
}

export interface Block {
  stmts?: Statement[];
}

export interface Operand {
  type: "local" | "string_index" | "bool";
  value: unknown;
}

/** A statement; its fields are those of its type. */
export interface Statement {
  type: string;
  stmt: {
    source?: Operand | number;
    target?: number;
    key?: Operand | number;
    value?: Operand | number;
    a?: Operand | number;
    b?: Operand | number;
    array?: number;
    object?: number;
    set?: number;
    func?: string;
    args?: Operand[];
    result?: number;
    block?: Block;
    blocks?: Block[];
  };
}
