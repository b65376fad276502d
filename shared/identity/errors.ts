/** Declares the errors of key files, the ssh-agent, public keys, peer ids and signatures. */
import { defineErrors } from '../errors.ts'

export const identityError = defineErrors({
  'identity.public-key': {
    exit: 'usage',
    message: (d: { what: string; reason: string }) =>
      `${d.what} is not a usable public key: ${d.reason}`,
    hint: () => 'give an ed25519 public key, such as the line in ~/.ssh/id_ed25519.pub',
  },
  'identity.key-file': {
    exit: 'usage',
    message: (d: { path: string; reason: string }) =>
      `key file ${d.path} cannot be used: ${d.reason}`,
    hint: (d: { path: string; reason: string }) =>
      d.reason.startsWith('mode ')
        ? `chmod 600 ${d.path}`
        : d.reason.startsWith('it is a symbolic link')
          ? 'name the file itself, not a link to it'
          : 'give the path of an OpenSSH ed25519 private key; ssh-keygen -t ed25519 makes one',
  },
  'identity.key-unwritable': {
    exit: 'failed',
    message: (d: { path: string; reason: string }) =>
      `key file ${d.path} cannot be written: ${d.reason}`,
    hint: () => 'check space and permissions of its folder',
  },
  'identity.key-file-missing': {
    exit: 'notFound',
    message: (d: { path: string }) => `key file ${d.path} does not exist`,
    hint: () =>
      'ssh-keygen -t ed25519 makes a key; --identity or MUSTER_IDENTITY names another file',
  },
  'identity.key-exists': {
    exit: 'conflict',
    message: (d: { path: string }) => `key file ${d.path} exists already`,
    hint: () => 'a key is never replaced; move the old file away first',
  },
  'identity.private-key': {
    exit: 'usage',
    message: (d: { what: string; reason: string }) =>
      `${d.what} is not a usable private key: ${d.reason}`,
    hint: () => 'give an ed25519 key in OpenSSH format; ssh-keygen -t ed25519 makes one',
  },
  'identity.cipher': {
    exit: 'usage',
    message: (d: { what: string; cipher: string }) =>
      `${d.what} is encrypted with ${d.cipher}, which is not supported`,
    hint: (d: { what: string; cipher: string }) =>
      `load it into ssh-agent, or change its cipher: ssh-keygen -p -Z aes256-ctr -f ${d.what}`,
  },
  'identity.rounds': {
    exit: 'usage',
    message: (d: { what: string; rounds: number; limit: number }) =>
      `${d.what} asks for ${d.rounds} rounds of key derivation, more than the ${d.limit} allowed`,
    hint: (d: { what: string; rounds: number; limit: number }) =>
      `load it into ssh-agent, or re-encrypt it: ssh-keygen -p -a 16 -f ${d.what}`,
  },
  'identity.encrypted': {
    exit: 'denied',
    message: (d: { what: string }) => `${d.what} is encrypted and no passphrase was given`,
    hint: (d: { what: string }) =>
      `ssh-add ${d.what}, or run this in a terminal and enter the passphrase`,
  },
  'identity.passphrase': {
    exit: 'denied',
    message: (d: { what: string }) => `wrong passphrase for ${d.what}`,
    hint: () => 'try again; ssh-keygen -y -f FILE checks a passphrase',
  },
  'identity.agent': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { socket: string; reason: string }) =>
      `ssh-agent at ${d.socket} failed: ${d.reason}`,
    hint: () =>
      'ssh-add -l shows whether the agent answers; --identity FILE uses a key file instead',
  },
  'identity.agent-key': {
    exit: 'notFound',
    message: (d: { fingerprint: string; where: string }) =>
      `the private half of ${d.fingerprint} is not ${d.where}`,
    hint: () => 'load the key with: ssh-add FILE, or name a private key file with --identity FILE',
  },
  'identity.ambiguous': {
    exit: 'usage',
    message: (d: { fingerprints: readonly string[] }) =>
      `ssh-agent has ${d.fingerprints.length} ed25519 keys and none was chosen: ` +
      d.fingerprints.join(', '),
    hint: () => 'choose one with --identity FILE.pub or MUSTER_IDENTITY',
  },
  'identity.none': {
    exit: 'denied',
    message: (d: { looked: readonly string[] }) =>
      `no operator key found; looked at ${d.looked.join(', ')}`,
    hint: () => 'ssh-keygen -t ed25519 makes a key; --identity FILE or MUSTER_IDENTITY names one',
  },
  'identity.sshsig': {
    exit: 'verification',
    message: (d: { reason: string }) => `not a valid SSH signature: ${d.reason}`,
  },
  'identity.peer-id': {
    exit: 'usage',
    message: (d: { got: string; reason: string }) =>
      `${JSON.stringify(d.got)} is not the peer id of an ed25519 key: ${d.reason}`,
    hint: () => 'such a peer id has 52 characters and begins with 12D3KooW',
  },
})
