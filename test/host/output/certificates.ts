// SPDX-License-Identifier: Apache-2.0
// An authority of our own for a test of TLS, and who it signed.
import { execFileSync } from "node:child_process";

/** Makes ca.pem in the folder, and for each name NAME.pem and NAME.key: of that address, for a day. */
export function makeCertificates(folder: string, names: readonly string[], address = "127.0.0.1"): void {
  const openssl = (line: string): void => void execFileSync("openssl", line.split(" "), { cwd: folder, stdio: "pipe" });
  openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 1");
  for (const name of names) {
    openssl(
      `req -newkey rsa:2048 -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=${name} -addext subjectAltName=IP:${address}`,
    );
    openssl(
      `x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out ${name}.pem -days 1 -copy_extensions copy`,
    );
  }
}
