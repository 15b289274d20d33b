// SPDX-License-Identifier: Apache-2.0
//
// A library that has the names of OpenSSL's functions, and nothing of theirs: a function too short to move,
// one whose loop leads back into its begin, one that says it has read more than there is, and a variable.
__asm__(".globl SSL_read\n.type SSL_read,@function\nSSL_read: mov $3,%al\nret\n.size SSL_read,.-SSL_read\n"
        ".globl SSL_write\n.type SSL_write,@function\n"
        "SSL_write: xor %eax,%eax\n1: inc %eax\ncmp $9,%eax\njne 1b\nret\n.size SSL_write,.-SSL_write\n"
        ".globl SSL_read_ex\n.type SSL_read_ex,@function\n"
        "SSL_read_ex: movq $0x7fffffff,(%rcx)\nmov $1,%eax\nret\n.size SSL_read_ex,.-SSL_read_ex\n");
int SSL_write_ex = 5;
