import { stringify } from "yaml";
import type { KubernetesObject } from "../../../engine/input.ts";
import { encodeCbor } from "../../../kubernetes/body/cbor.ts";
import { encodeProtobuf } from "../../../kubernetes/body/protobuf/encode.ts";
import type { Asked } from "./pair.ts";

export type Body = Required<Pick<Asked, "contentType" | "body">>;
export const json = (object: unknown): Body => typed("json", object);
export const typed = (type: string, value: unknown): Body => ({
  contentType: `application/${type}`,
  body: Buffer.from(JSON.stringify(value)),
});
export const yaml = (object: KubernetesObject): Body => ({
  contentType: "application/yaml",
  body: Buffer.from(stringify(object)),
});
export const protobuf = (object: KubernetesObject): Body => ({
  contentType: "application/vnd.kubernetes.protobuf",
  body: encodeProtobuf(object),
});
export const cbor = (object: KubernetesObject): Body => ({ contentType: "application/cbor", body: encodeCbor(object) });

const forced = (to: Asked): Asked => ({ ...to, path: `${to.path}?fieldManager=kubectl&force=true` });
export const apply = (to: Asked, object: KubernetesObject): Asked => ({
  ...forced(to),
  contentType: "application/apply-patch+yaml",
  body: Buffer.from(stringify(object)),
});
export const applyCbor = (to: Asked, object: KubernetesObject): Asked => ({
  ...forced(to),
  contentType: "application/apply-patch+cbor",
  body: encodeCbor(object),
});
