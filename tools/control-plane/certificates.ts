import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate and its private key (PKCS #8), both PEM. */
export interface Issued {
  certificate: string;
  key: string;
}

/** A certificate authority that lives as long as what it vouches for: a control plane, or a test. */
export interface Authority {
  /** PEM, for a client's `certificate-authority`. */
  certificate: string;
  /** A serving certificate for these DNS names and IP addresses. */
  issueServer(names: string[]): Promise<Issued>;
  /** A client certificate as Kubernetes reads it: CN is the user name, each O a group. */
  issueClient(user: { username: string; groups?: string[] }): Promise<Issued>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR = 3_600_000;

/** Makes an authority with ECDSA P-256 keys. What it issues is valid for a day. */
export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await generateKeys();
  const validity = () => ({ notBefore: new Date(Date.now() - HOUR), notAfter: new Date(Date.now() + 24 * HOUR) });
  const ca = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    keys,
    serialNumber: serial(),
    ...validity(),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const issue = async (
    subject: { [attribute: string]: string[] }[],
    usage: ExtendedKeyUsage,
    names: { type: "dns" | "ip"; value: string }[],
  ): Promise<Issued> => {
    const own = await generateKeys();
    const certificate: X509Certificate = await X509CertificateGenerator.create({
      subject,
      issuer: ca.subjectName,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      serialNumber: serial(),
      ...validity(),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([usage]),
        ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
      ],
    });
    const key = await webcrypto.subtle.exportKey("pkcs8", own.privateKey);
    return { certificate: certificate.toString("pem"), key: PemConverter.encode(key, "PRIVATE KEY") };
  };
  return {
    certificate: ca.toString("pem"),
    issueServer: (names) =>
      issue(
        [{ CN: [names[0] ?? "localhost"] }],
        ExtendedKeyUsage.serverAuth,
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
      ),
    issueClient: ({ username, groups = [] }) =>
      issue([...groups.map((group) => ({ O: [group] })), { CN: [username] }], ExtendedKeyUsage.clientAuth, []),
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}
