/** A configuration that commands read a record by, with a key that signs it; `more` goes on in its section `audit`. */
export const recordConfig = (more = ""): string => `
apiVersion: sallyport.dev/v1alpha1
kind: Gateway
listen: {address: "127.0.0.1:8443", url: "https://localhost:8443", certFile: c, keyFile: k}
keys: {sessionFile: s, hmacFile: h, mergeFile: m, checkpointFile: checkpoint.pem}
issuers: [{name: corp, issuer: "https://idp.example.com", audiences: [sallyport], prefix: {username: "corp:", groups: "corp:"}}]
connections: [{name: prod, kind: kubernetes, server: "https://127.0.0.1:6443", credential: {tokenFile: t}}]
policy: {bundle: b, guardrails: g, verify: false}
approvals: {home: embedded, path: e}
audit: {spool: {path: ./spool}, store: {embedded: ./store}${more}}
`;
