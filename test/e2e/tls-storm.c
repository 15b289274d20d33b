// SPDX-License-Identifier: Apache-2.0
//
// Handshakes of OpenSSL between two threads of a process, by a socket pair each, eight pairs at the same
// time. Every tenth is made by another process, forked meanwhile, that executes the program anew: a child of
// a program with threads may not use OpenSSL before that. Each connection moves a line both ways.
//
//   tls-storm COUNT
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPairs = 8, kForkEvery = 10 };
static SSL_CTX* server_context;
static SSL_CTX* client_context;
static atomic_int left, done, failed;

static int says(SSL* ssl, const char* line) { return SSL_write(ssl, line, (int)strlen(line)) == (int)strlen(line); }
static int hears(SSL* ssl, const char* line) {
  char heard[64];
  size_t size = 0;
  return SSL_read_ex(ssl, heard, sizeof heard, &size) == 1 && size == strlen(line) && memcmp(heard, line, size) == 0;
}

static void* serve(void* fd) {
  SSL* ssl = SSL_new(server_context);
  SSL_set_fd(ssl, *(int*)fd);
  const int good = SSL_accept(ssl) == 1 && hears(ssl, "GET / HTTP/1.1\r\n\r\n") && says(ssl, "HTTP/1.1 204 None\r\n\r\n");
  SSL_free(ssl);
  return good ? fd : NULL;
}

static int shake(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 0;
  pthread_t server;
  if (pthread_create(&server, NULL, serve, &ends[0]) != 0) return 0;
  SSL* ssl = SSL_new(client_context);
  SSL_set_fd(ssl, ends[1]);
  const int good = SSL_connect(ssl) == 1 && says(ssl, "GET / HTTP/1.1\r\n\r\n") && hears(ssl, "HTTP/1.1 204 None\r\n\r\n");
  void* served = NULL;
  shutdown(ends[1], SHUT_WR);
  pthread_join(server, &served);
  SSL_free(ssl);
  close(ends[0]);
  close(ends[1]);
  return good && served != NULL;
}

static void* work(void* unused) {
  (void)unused;
  for (int number; (number = atomic_fetch_sub(&left, 1)) > 0;) {
    int good = 0;
    if (number % kForkEvery == 0) {
      const pid_t child = fork();
      if (child == 0) {
        execl("/proc/self/exe", "tls-storm", "-1", NULL);
        _exit(1);
      }
      int status = 0;
      good = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    } else {
      good = shake();
    }
    atomic_fetch_add(good ? &done : &failed, 1);
  }
  return NULL;
}

int main(int argc, char** argv) {
  atomic_store(&left, argc > 1 ? atoi(argv[1]) : 100);
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), 0);
  X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
  X509_set_pubkey(cert, key);
  X509_sign(cert, key, EVP_sha256());
  server_context = SSL_CTX_new(TLS_server_method());
  client_context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_use_certificate(server_context, cert);
  SSL_CTX_use_PrivateKey(server_context, key);
  SSL_CTX_set_num_tickets(server_context, 0);
  if (atomic_load(&left) == -1) return shake() ? 0 : 1;
  pthread_t threads[kPairs];
  for (int i = 0; i < kPairs; ++i) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < kPairs; ++i) pthread_join(threads[i], NULL);
  printf("%d handshakes, %d failed\n", atomic_load(&done), atomic_load(&failed));
  return atomic_load(&failed) == 0 ? 0 : 1;
}
