/** In the help of a command, which loads no writer. */
export const EXPORT_FORMATS_TEXT = "ndjson, csv, parquet, k8s-audit, ocsf, opa, har, asciicast or pack";
