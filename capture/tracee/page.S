// SPDX-License-Identifier: Apache-2.0
// The code that runs inside the watched process: for each shape of call an entry, a gate (the only `syscall`
// the filter lets pass for that shape's numbers) and a recorder. A patched site comes here by a jump, with
// its arguments in the registers of the call and rcx = the instruction behind its own, intact `syscall`; it
// goes back there by a jump.
//
// Rules: no stack, no call or ret, no XMM, no system call but the program's. Before the gate only rcx and r11
// change (the kernel spoils both anyway; rax and rdx for the length of one rdtsc), so the tracer can always
// send a thread back to the intact syscall. After it every argument register can be taken back from the
// record, so the tracer can always finish for the stub. PHASE marks where the one turns into the other: those
// marks are the fix-up table (tracee/page.h), and a fault while copying is just one more reason to finish
// from outside.
//
// Written to run at VEDETTE_AGENT_CODE; kept as bytes in the agent's read-only data until a process gets it.
#include "capture/wire/ring.h"

// The context is reached through GS, a record through a register that points to its first chunk: then the
// header and the payload of the usual length are within a signed byte, and an instruction takes four bytes,
// not ten. How many cache lines of code a call touches is what it costs in a program that has a working set
// of its own.
#define CTX(field) %gs:(VEDETTE_AGENT_BASE + field)
#define REC(field) (field - VEDETTE_REC_CHUNKS)
#define CHUNK(field) field

#define O_TMPFILE_BIT 0x400000
#define EVERYDAY_FAMILIES 0x406          // bits: AF_UNIX, AF_INET, AF_INET6
#define EVERYDAY_PROTOCOLS 0x20041       // bits: the family's usual one, TCP, UDP
#define GAINING_BITS 0x2c00              // of a mode: S_ISUID, S_ISGID, and what a device node has
#define SYS_OPEN 2
#define SYS_FSTAT 5
#define SYS_GETSOCKNAME 51
#define SYS_GETPEERNAME 52
#define SYS_GETCWD 79
#define SYS_READLINK 89
#define SOCK_TYPE_MASK 0xf
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOL_SOCKET 1
#define SO_ERROR 4
#define IPPROTO_TCP 6
#define TCP_ULP 31
#define FICLONE 0x40049409

.section .rodata
.balign 4096
.globl vedette_page, vedette_page_end
vedette_page:

.pushsection .rodata.vedette_phases, "a"
.globl vedette_phases, vedette_phases_end
.balign 8
vedette_phases:
.popsection
.pushsection .rodata.vedette_snaplens, "a"
.globl vedette_snaplens, vedette_snaplens_end
.balign 8
vedette_snaplens:
.popsection
.pushsection .rodata.vedette_shapes, "a"
.globl vedette_shapes, vedette_shapes_end
.balign 8
vedette_shapes:
.popsection

// From here to the next mark the thread is in this phase.
.macro PHASE phase
77:
.pushsection .rodata.vedette_phases
.long 77b - vedette_page, \phase
.popsection
.endm
#define SITE_IN_RCX 0
#define SYSCALL_IN_RCX 1
#define ARGUMENTS_KEPT 2
#define ARGUMENTS_SAVED 3
#define TAKING_INPUT 4
#define INPUT_TAKEN 5
#define GATE 6
#define RETURNED 7
#define OPENED 8
#define RECORDING 9
#define PUBLISHED 10
#define BOOT 11
#define PEEKING 12

// `record` = the record under way; clobbers nothing else.
.macro FIND_RECORD record=%rcx
    mov CTX(VEDETTE_HEAD), \record
    and CTX(VEDETTE_MASK), \record
    add CTX(VEDETTE_RECORDS), \record
.endm

// Entry and gate of a shape. Arguments are stored before the call: the same stores, and a thread killed in
// the call leaves them. On return from the macro the call is done, rcx is the record, rax the result, rdx is
// lost.
.macro SHAPE name, vector=0, control=0, address=, mode=
    ENTER \name, \vector, \control, address=\address, mode=\mode
    MAKE_CALL \name, RETURNED
.endm

// The first half: r11 is the record, which has the arguments. A shape may first look at what it is given
// (`vector`, `control`, `mode`, `socket`, `option`, `error`, `clone`) and at what the tracer says (`changes`,
// `folder`, `asks`): what a record cannot tell in full, what gains something and what is not recorded at all
// is left to the trace tier, before anything has happened.
.macro ENTER name, vector=0, control=0, open_flags=, address=, mode=, changes=0, folder=0, asks=0, socket=0, option=0, error=0, clone=0
    .balign 64
\name\()_entry:
    PHASE SITE_IN_RCX
.if \vector
    cmp $VEDETTE_VECTOR_MAX, %rdx        // more than a record holds
    ja take_the_site
.endif
.if \control
    PHASE PEEKING
    cmpq $0, 40(%rsi)                    // msg_controllen: descriptors may come with it, and only the kernel can name them
    PHASE SITE_IN_RCX
    jne take_the_site
.endif
.ifnb \open_flags
    test $O_TMPFILE_BIT, \open_flags // a file that no path leads to
    jnz take_the_site
    cmpl $0, CTX(VEDETTE_NO_FACTS)
    jne take_the_site
.endif
.ifnb \address                           // with an address a question follows
    test \address, \address
    jz \name\()_again
    cmpl $0, CTX(VEDETTE_NO_FACTS)
    jne take_the_site
.endif
.ifnb \mode
    test $GAINING_BITS, \mode
    jnz take_the_site
.endif
.if \changes
    testb $VEDETTE_NAMES_INLINE, VEDETTE_NAMES
    jz take_the_site
.endif
.if \folder
    cmpl $0, CTX(VEDETTE_NO_FACTS)
    jne take_the_site
    cmpl $0, CTX(VEDETTE_NO_FOLDER)
    jne take_the_site
.endif
.if \asks
    cmpl $0, CTX(VEDETTE_NO_FACTS)
    jne take_the_site
.endif
.if \socket                              // inline/filter.cc says the same
    mov $EVERYDAY_FAMILIES, %r11d
    cmp $10, %edi
    ja take_the_site
    bt %edi, %r11d
    jnc take_the_site
    mov %esi, %r11d
    and $SOCK_TYPE_MASK, %r11d
    dec %r11d
    cmp $(SOCK_DGRAM - SOCK_STREAM), %r11d
    ja take_the_site
    mov $EVERYDAY_PROTOCOLS, %r11d
    cmp $17, %edx
    ja take_the_site
    bt %edx, %r11d
    jnc take_the_site
.endif
.if \option                              // the same
    cmp $VEDETTE_LEVEL_MAX, %esi
    ja take_the_site
    cmp $VEDETTE_OPTION_MAX, %edx
    ja take_the_site
    cmp $TCP_ULP, %edx
    jne \name\()_again
    cmp $IPPROTO_TCP, %esi
    je take_the_site
.endif
.if \error                               // others are not recorded
    cmp $SOL_SOCKET, %esi
    jne take_the_site
    cmp $SO_ERROR, %edx
    jne take_the_site
.endif
.if \clone                               // others are not recorded, or stop
    cmp $FICLONE, %esi
    jne take_the_site
.endif
\name\()_again:
    mov CTX(VEDETTE_HEAD), %r11
    cmp CTX(VEDETTE_ROOM_END), %r11
    ja \name\()_look_for_room
    and CTX(VEDETTE_MASK), %r11
    add CTX(VEDETTE_RECORDS), %r11
    mov %eax, REC(VEDETTE_REC_NR)(%r11)  // first: a GS base of the program's own leads to no record, and its memory must stay as it is
    mov %rcx, CTX(VEDETTE_RESUME)
    PHASE ARGUMENTS_KEPT
    mov CTX(VEDETTE_HEAD), %rcx
    or $1, %rcx
    mov %rdi, REC(VEDETTE_REC_ARGS)(%r11)
    mov %rsi, REC(VEDETTE_REC_ARGS + 8)(%r11)
    mov %rdx, REC(VEDETTE_REC_ARGS + 16)(%r11)
    mov %r10, REC(VEDETTE_REC_ARGS + 24)(%r11)
    mov %r8, REC(VEDETTE_REC_ARGS + 32)(%r11)
    mov %r9, REC(VEDETTE_REC_ARGS + 40)(%r11)
    mov %rcx, CTX(VEDETTE_IN_FLIGHT)     // only now: who is killed earlier leaves no half-written record to tell of
    PHASE ARGUMENTS_SAVED
    .subsection 1
\name\()_look_for_room:
    PHASE SITE_IN_RCX
    mov CTX(VEDETTE_TAIL), %r11
    add CTX(VEDETTE_ROOM), %r11
    cmp %r11, CTX(VEDETTE_HEAD)
    ja take_the_site                  // always in the null context, which is read-only
    mov CTX(VEDETTE_HEAD), %r11
    and CTX(VEDETTE_MASK), %r11
    add CTX(VEDETTE_RECORDS), %r11
    testb $0, REC(VEDETTE_REC_NR)(%r11) // as above: before anything is written
    mov CTX(VEDETTE_TAIL), %r11
    add CTX(VEDETTE_ROOM), %r11
    mov %r11, CTX(VEDETTE_ROOM_END)
    jmp \name\()_again
    .previous
.endm

// The second half. `returned`: the phase behind the gate. `third`: what the kernel gets for argument 2, if it
// is not the record's.
.macro MAKE_CALL name, returned, third=
    rdtsc
    mov %eax, REC(VEDETTE_REC_ENTER)(%r11)
    mov %edx, REC(VEDETTE_REC_ENTER + 4)(%r11)
    mov REC(VEDETTE_REC_NR)(%r11), %eax
.ifb \third
    mov REC(VEDETTE_REC_ARGS + 16)(%r11), %rdx
.else
    mov \third, %rdx
.endif
.ifc \returned,RETURNED
    PHASE GATE
.endif
\name\()_gate:
    syscall
    PHASE \returned
    FIND_RECORD
    mov %rax, REC(VEDETTE_REC_RESULT)(%rcx)
    PHASE RECORDING
    rdtsc
    mov %eax, REC(VEDETTE_REC_EXIT)(%rcx)
    mov %edx, REC(VEDETTE_REC_EXIT + 4)(%rcx)
    mov REC(VEDETTE_REC_RESULT)(%rcx), %rax
.pushsection .rodata.vedette_shapes
    .long \name\()_entry - vedette_page, \name\()_gate - vedette_page
.popsection
.endm

// rcx = the record, `size` r11d or a number. rdx is put back; shapes that use other registers put those back
// before.
.macro PUBLISH size=%r11d
    movl \size, REC(VEDETTE_REC_SIZE)(%rcx)
    mov REC(VEDETTE_REC_ARGS + 16)(%rcx), %rdx
.ifc \size,%r11d
    add %r11, CTX(VEDETTE_HEAD)
.else
    addq \size, CTX(VEDETTE_HEAD)
.endif
    PHASE PUBLISHED
    mov CTX(VEDETTE_RESUME), %rcx
    jmp *%rcx
    PHASE RECORDING                      // for what stands behind
.endm

// Copies rdx (1 or more) bytes from rsi to the chunk's data at rcx. Loses rdx and r11. First the last eight
// bytes, which may overlap, then whole words from the back: nothing outside the source is touched.
.macro COPY done
    cmp $8, %rdx
    jb 2f
    mov -8(%rsi,%rdx), %r11
    mov %r11, CHUNK(VEDETTE_CHUNK_DATA - 8)(%rcx,%rdx)
    dec %rdx
    and $-8, %rdx
    jz \done
1:  mov -8(%rsi,%rdx), %r11
    mov %r11, CHUNK(VEDETTE_CHUNK_DATA - 8)(%rcx,%rdx)
    sub $8, %rdx
    jnz 1b
    jmp \done
2:  test $4, %dl
    jz 3f
    mov -4(%rsi,%rdx), %r11d
    mov %r11d, CHUNK(VEDETTE_CHUNK_DATA - 4)(%rcx,%rdx)
    mov (%rsi), %r11d
    mov %r11d, CHUNK(VEDETTE_CHUNK_DATA)(%rcx)
    jmp \done
3:  movzbl -1(%rsi,%rdx), %r11d
    mov %r11b, CHUNK(VEDETTE_CHUNK_DATA - 1)(%rcx,%rdx)
    movzbl (%rsi), %r11d
    mov %r11b, CHUNK(VEDETTE_CHUNK_DATA)(%rcx)
    test $2, %dl
    jz \done
    movzbl 1(%rsi), %r11d
    mov %r11b, CHUNK(VEDETTE_CHUNK_DATA + 1)(%rcx)
    jmp \done
.endm

// What `count` has beyond snaplen it loses, and r11. The number is written into the page when it is made
// (inline/agent.cc): a word of memory would be one more cache line for each call.
.macro AT_MOST_SNAPLEN count
    mov $0x7fffffff, %r11d
.pushsection .rodata.vedette_snaplens
    .long 77f - 4 - vedette_page
.popsection
77: cmp %r11, \count
    cmova %r11, \count
.endm

// For shapes of several chunks. In these rcx is a cursor: the record plus what the chunks so far take.
// ADD_CHUNK appends rdx bytes from rsi (none: no chunk) and loses rdx, r11 and r10.
.macro ADD_CHUNK
    lea 66f(%rip), %r10
    jmp add_chunk
66:
.endm

// ADD_ADDRESS_OUT appends what the kernel has written: the length that r8 points to, and the bytes at
// `address`.
.macro ADD_ADDRESS_OUT address
    mov %r8, %rsi
    mov $4, %edx
    ADD_CHUNK
    mov (%r8), %edx
    cmp $VEDETTE_ADDRESS_MAX, %rdx
    jbe 1f
    mov $VEDETTE_ADDRESS_MAX, %edx
1:  mov \address, %rsi
    ADD_CHUNK
.endm

// What a socket is called, by call \nr: u32 length, then the address. The chunk's own address is made of the
// number (wire/ring.h). edi = the descriptor; loses rax, rdx, rsi, r9, r10 and r11.
.macro ASK_NAME nr
    mov $\nr, %eax
    lea 66f(%rip), %r10
    jmp ask_name
66:
.endm

// What a new descriptor is that no path leads to, into a chunk of that address (wire/ring.h). edi = the
// descriptor; loses rax, rsi, r9, r10 and r11.
.macro ASK_FACTS at
    mov $\at, %eax
    lea 66f(%rip), %r10
    jmp ask_new_facts
66:
.endm

// r11 = size of a record whose only chunk holds r11 bytes.
.macro SIZE_OF_ONE
    add $(VEDETTE_REC_CHUNKS + VEDETTE_CHUNK_DATA + 7), %r11
    and $-8, %r11
.endm

// ------------------------------------------------------------------ the stub's number-generic entry
    .balign 64
dispatch:
    PHASE SITE_IN_RCX
    mov %eax, %r11d
    cmp $VEDETTE_CALLS, %r11
    jae take_the_site
    jmp *VEDETTE_AGENT_TABLE(,%r11,8)

// The number is not recorded inline, or there is no room: the call is made where it always was, and traps if
// it must.
    .balign 16
take_the_site:
    PHASE SITE_IN_RCX
    sub $2, %rcx
    PHASE SYSCALL_IN_RCX
    jmp *%rcx

// ------------------------------------------------------------------ plain: registers are all there is
    SHAPE plain
    PUBLISH $VEDETTE_REC_CHUNKS

// ------------------------------------------------------------------ bytes_out: arg 2 bytes at arg 1 (write)
    SHAPE bytes_out
    mov REC(VEDETTE_REC_ARGS + 16)(%rcx), %rdx
    cmp $-14, %rax                       // EFAULT: the bytes are not there
    jne bytes_copy
bytes_none:
    PUBLISH $VEDETTE_REC_CHUNKS

// ------------------------------------------------------------------ bytes_in: result bytes at arg 1 (read)
// With the usual snaplen, a read of more runs straight on to its end.
    SHAPE bytes_in
    mov %rax, %rdx
    test %rdx, %rdx
    jle bytes_none
bytes_copy:
    mov %rsi, CHUNK(0)(%rcx)
    cmp $(VEDETTE_SNAPLEN_USUAL - 1), %rdx
bytes_whole_end:                         // where snaplen is another, the byte before says -1: nothing is above that
    jbe bytes_part
    movq $VEDETTE_SNAPLEN_USUAL, CHUNK(8)(%rcx)
.set at, 0
.rept VEDETTE_SNAPLEN_USUAL / 8
    mov at(%rsi), %r11
    mov %r11, CHUNK(VEDETTE_CHUNK_DATA + at)(%rcx)
.set at, at + 8
.endr
    PUBLISH $(VEDETTE_REC_CHUNKS + VEDETTE_CHUNK_DATA + VEDETTE_SNAPLEN_USUAL)
bytes_part:
    AT_MOST_SNAPLEN %rdx
    test %rdx, %rdx
    jz bytes_none
    mov %rdx, CHUNK(8)(%rcx)
    COPY bytes_done
bytes_done:
    mov CHUNK(8)(%rcx), %r11
    SIZE_OF_ONE
    PUBLISH

// ------------------------------------------------------------------ path_0, path_1: a path at arg 0 or 1
// (stat, newfstatat) Taken after the call like everything else: the kernel has read it by then, unless it
// says EFAULT.
    SHAPE path_0
    mov %rdi, %rsi
    jmp path_copy
    SHAPE path_1
path_copy:
    cmp $-14, %rax
    je path_none
    test %rsi, %rsi
    jz path_none
    mov %rsi, CHUNK(0)(%rcx)
    xor %edx, %edx
1:  movzbl (%rsi,%rdx), %r11d
    mov %r11b, CHUNK(VEDETTE_CHUNK_DATA)(%rcx,%rdx)
    inc %rdx
    test %r11b, %r11b
    jz path_done
    cmp $VEDETTE_PATH_MAX, %rdx
    jb 1b
path_done:
    mov %rdx, CHUNK(8)(%rcx)
    mov %rdx, %r11
    SIZE_OF_ONE
    mov REC(VEDETTE_REC_ARGS + 8)(%rcx), %rsi
    PUBLISH
path_none:
    mov REC(VEDETTE_REC_ARGS + 8)(%rcx), %rsi
    PUBLISH $VEDETTE_REC_CHUNKS

// ------------------------------------------------------------------ open_0, open_1: a path at arg 0 or 1,
// and which file it led to Another thread may write over the path at any time. So the path is copied into the
// record first, and the kernel gets the copy: what it has read is what the record says.
//
// What a path means may change, too. So the kernel is asked for the file behind the new descriptor, at once,
// by a gate that is for this alone. That costs as much as a tenth of the open. It is not asked of a path that
// stands (wire/ring.h): the agent vouches for what that means as long as VEDETTE_STANDING_VERSION stays the
// same. The size of the record holds the version meanwhile.
#define UNKNOWN 1                        // a version that never is
    ENTER open_0, 0, 0, %esi
    PHASE TAKING_INPUT
    mov %rdi, %r8
    jmp take_path
open_0_go:
    PHASE INPUT_TAKEN
    lea CHUNK(VEDETTE_CHUNK_DATA)(%r11), %rdi
    mov REC(VEDETTE_REC_ARGS + 8)(%r11), %rsi
    MAKE_CALL open_0, OPENED
    jmp open_facts

    ENTER open_1, 0, 0, %edx
    PHASE TAKING_INPUT
    mov %rsi, %r8
// r8 = the path, r11 = the record. rax is a hash of it, rdx what has been copied. Eight bytes at a time,
// where they do not reach into another page.
take_path:
    test %r8, %r8
    jz leave_path
    mov %r8, CHUNK(0)(%r11)
    movabs $0x0101010101010101, %rdi
    mov %rdi, %rsi
    shl $7, %rsi                         // 0x80 in each byte
    movabs $VEDETTE_HASH_FACTOR, %rcx
    xor %eax, %eax
    xor %edx, %edx
1:  lea (%r8,%rdx), %r10d
    and $0xfff, %r10d
    cmp $0xff8, %r10d
    ja take_bytes
    mov (%r8,%rdx), %r9
take_word:
    mov %r9, CHUNK(VEDETTE_CHUNK_DATA)(%r11,%rdx)
    mov %r9, %r10
    or %rsi, %r10
    sub %rdi, %r10
    or %r9, %r10
    not %r10
    and %rsi, %r10                       // 0x80 where a byte is 0
    jnz 2f
    xor %r9, %rax
    imul %rcx, %rax
    rol $32, %rax
    add $8, %rdx
    cmp $VEDETTE_PATH_MAX, %rdx
    jb 1b
    jmp leave_path                       // too long, the kernel will say
2:  bsf %r10, %rdi
    lea -1(%r10), %rsi
    xor %r10, %rsi
    shr $8, %rsi
    and %rsi, %r9                        // what stands before the 0
    xor %r9, %rax
    imul %rcx, %rax
    rol $32, %rax
    or $1, %rax
    shr $3, %edi
    lea 1(%rdx,%rdi), %rdx
    mov %rdx, CHUNK(8)(%r11)
    mov %eax, %r9d
    shr $VEDETTE_STANDING_SHIFT, %r9d
    mov VEDETTE_STANDING_VERSION, %r10d
    test $1, %r10b
    jnz 3f
    cmp %rax, VEDETTE_STANDING(,%r9,8)
    je 4f
3:  mov $UNKNOWN, %r10d
4:  mov %r10d, REC(VEDETTE_REC_SIZE)(%r11)
    mov REC(VEDETTE_REC_ARGS + 24)(%r11), %r10
    cmpl $SYS_OPEN, REC(VEDETTE_REC_NR)(%r11)
    je open_0_go
    PHASE INPUT_TAKEN
    mov REC(VEDETTE_REC_ARGS)(%r11), %rdi
    lea CHUNK(VEDETTE_CHUNK_DATA)(%r11), %rsi
    MAKE_CALL open_1, OPENED
open_facts:
    test %rax, %rax
    js open_end
    mov REC(VEDETTE_REC_SIZE)(%rcx), %r11d
    cmp VEDETTE_STANDING_VERSION, %r11d
    jne ask_facts
open_end:
    mov CHUNK(8)(%rcx), %r11
    SIZE_OF_ONE
open_publish:
    mov REC(VEDETTE_REC_ARGS)(%rcx), %rdi
    mov REC(VEDETTE_REC_ARGS + 8)(%rcx), %rsi
    mov REC(VEDETTE_REC_ARGS + 24)(%rcx), %r10
    mov REC(VEDETTE_REC_ARGS + 32)(%rcx), %r8
    mov REC(VEDETTE_REC_ARGS + 40)(%rcx), %r9
    PUBLISH

ask_facts:
    mov %eax, %edi
    mov CHUNK(8)(%rcx), %r11
    SIZE_OF_ONE
    lea REC(VEDETTE_CHUNK_DATA)(%rcx,%r11), %rsi
    mov $SYS_FSTAT, %eax
    syscall
facts_end:
    FIND_RECORD
    movq $VEDETTE_FACTS_AT, -VEDETTE_CHUNK_DATA(%rsi)
    movq $VEDETTE_FACTS_BYTES, 8-VEDETTE_CHUNK_DATA(%rsi)
    test %eax, %eax
    jz 1f
    movq $0, (%rsi)                      // another thread has closed it: no file
    movq $0, 8(%rsi)
    movq $0, 24(%rsi)
1:  cmpb $0, VEDETTE_NAMES
    jne ask_link
    lea (VEDETTE_REC_CHUNKS + VEDETTE_FACTS_BYTES)(%rsi), %r11
    sub %rcx, %r11
    mov REC(VEDETTE_REC_RESULT)(%rcx), %rax
    jmp open_publish

    .subsection 1
    PHASE RECORDING
// While names change, the name may be gone when the tracer reads the record: so the kernel is asked for the
// file's path, too, by /proc/thread-self/fd////////NUMBER.
ask_link:
    lea (VEDETTE_FACTS_BYTES + VEDETTE_CHUNK_DATA)(%rsi), %rdi
    movabs $0x68742f636f72702f, %r11     // "/proc/th"
    mov %r11, (%rdi)
    movabs $0x6c65732d64616572, %r11     // "read-sel"
    mov %r11, 8(%rdi)
    movabs $0x2f2f2f2f64662f66, %r11     // "f/fd////"
    mov %r11, 16(%rdi)
    movabs $0x2f2f2f2f2f2f2f2f, %r11
    mov %r11, 24(%rdi)
    movb $0, 32(%rdi)
    lea 31(%rdi), %r11
    mov REC(VEDETTE_REC_RESULT)(%rcx), %eax
    mov $10, %r10d
1:  xor %edx, %edx
    div %r10d
    add $0x30, %dl
    mov %dl, (%r11)
    dec %r11
    test %eax, %eax
    jnz 1b
    mov %rdi, %rsi
    mov $VEDETTE_PATH_MAX, %edx
    mov $SYS_READLINK, %eax
    syscall
link_end:
    FIND_RECORD
    movq $VEDETTE_LINK_AT, -VEDETTE_CHUNK_DATA(%rdi)
    test %rax, %rax
    jg publish_link
    lea (VEDETTE_REC_CHUNKS - VEDETTE_CHUNK_DATA)(%rdi), %r11
    jmp publish_rest
// rdi: a text of rax bytes, in a chunk that has its address.
publish_link:
    mov %rax, 8-VEDETTE_CHUNK_DATA(%rdi)
    lea (VEDETTE_REC_CHUNKS + 7)(%rdi,%rax), %r11
    and $-8, %r11
publish_rest:
    sub %rcx, %r11
    mov REC(VEDETTE_REC_RESULT)(%rcx), %rax
    jmp open_publish

    PHASE TAKING_INPUT
// Eight bytes, or those up to the 0, one by one.
take_bytes:
    xor %r9d, %r9d
    xor %ecx, %ecx
    lea (%r8,%rdx), %rdi
1:  movzbl (%rdi), %r10d
    test %r10d, %r10d
    jz 2f
    shl %cl, %r10
    or %r10, %r9
    inc %rdi
    add $8, %ecx
    cmp $64, %ecx
    jb 1b
2:  movabs $0x0101010101010101, %rdi
    movabs $VEDETTE_HASH_FACTOR, %rcx
    jmp take_word

// It is the kernel's to refuse.
leave_path:
    mov REC(VEDETTE_REC_NR)(%r11), %eax
    mov REC(VEDETTE_REC_ARGS)(%r11), %rdi
    mov REC(VEDETTE_REC_ARGS + 8)(%r11), %rsi
    mov REC(VEDETTE_REC_ARGS + 16)(%r11), %rdx
    mov REC(VEDETTE_REC_ARGS + 24)(%r11), %r10
    mov REC(VEDETTE_REC_ARGS + 32)(%r11), %r8
    mov REC(VEDETTE_REC_ARGS + 40)(%r11), %r9
    PHASE ARGUMENTS_KEPT
    movq $0, CTX(VEDETTE_IN_FLIGHT)
    mov CTX(VEDETTE_RESUME), %rcx
    jmp take_the_site
    .previous
    PHASE RECORDING

// ------------------------------------------------------------------ plain_mode: registers, of which arg 1 is
// a mode (fchmod)
    SHAPE plain_mode, mode=%esi
    PUBLISH $VEDETTE_REC_CHUNKS

// ------------------------------------------------------------------ names: what changes a file by its names
// Texts are copied into the record first, and the kernel gets the copies, as of an open: `a0` to `a3` say
// which arguments are some. `a2` may also be 32 bytes (`times`).
.macro TAKE_TEXT arg, into
    mov REC(VEDETTE_REC_ARGS + 8 * \arg)(%r11), %r8
    lea 66f(%rip), %r10
    jmp take_text
66: mov %rax, \into
.endm

.macro NAMES name, mode=, changes=0, folder=0, a0=0, a1=0, a2=0, a3=0, times=0
    ENTER \name, mode=\mode, changes=\changes, folder=\folder
    PHASE TAKING_INPUT
    mov %r11, %rcx
.if \a0
    TAKE_TEXT 0, %rdi
.endif
.if \a1
    TAKE_TEXT 1, %rsi
.endif
.if \times
    lea 66f(%rip), %r10
    jmp take_times
66: mov %rax, %r9
.endif
.if \a2
    TAKE_TEXT 2, %r9
.endif
.if \a3
    TAKE_TEXT 3, %r10
.endif
    mov %rcx, %rax
    sub %r11, %rax
    add $VEDETTE_REC_CHUNKS, %eax
    mov %eax, REC(VEDETTE_REC_SIZE)(%r11)
    PHASE INPUT_TAKEN
.if \a2 + \times
    mov %r9, %rcx
.else
    mov REC(VEDETTE_REC_ARGS + 16)(%r11), %rcx
.endif
.if \a0 == 0
    mov REC(VEDETTE_REC_ARGS)(%r11), %rdi
.endif
.if \a1 == 0
    mov REC(VEDETTE_REC_ARGS + 8)(%r11), %rsi
.endif
.if \a3 == 0
    mov REC(VEDETTE_REC_ARGS + 24)(%r11), %r10
.endif
    mov REC(VEDETTE_REC_ARGS + 32)(%r11), %r8
    mov REC(VEDETTE_REC_ARGS + 40)(%r11), %r9
    MAKE_CALL \name, OPENED, third=%rcx
.if \folder
    jmp folder_end
.else
    jmp names_end
.endif
.endm

    NAMES name_0, a0=1
    NAMES name_0_mode, mode=%esi, a0=1
    NAMES name_1, a1=1
    NAMES name_1_mode, mode=%edx, a1=1
    NAMES names_01, a0=1, a1=1
    NAMES names_13, a1=1, a3=1
    NAMES times_1, a1=1, times=1
// Whoever changes names waits until the tracer says that every open tells its file's path (name_moves.h).
    NAMES change_0, changes=1, a0=1
    NAMES change_1, changes=1, a1=1
    NAMES changes_01, changes=1, a0=1, a1=1
    NAMES changes_13, changes=1, a1=1, a3=1
    NAMES changes_02, changes=1, a0=1, a2=1
names_end:
    mov REC(VEDETTE_REC_SIZE)(%rcx), %r11d
    jmp open_publish

// ------------------------------------- folder_0, folder_fd: a new working directory, and which it is
    NAMES folder_0, folder=1, a0=1
    ENTER folder_fd, folder=1
    MAKE_CALL folder_fd, RETURNED
    movl $VEDETTE_REC_CHUNKS, REC(VEDETTE_REC_SIZE)(%rcx)
folder_end:
    test %rax, %rax
    jnz names_end
    mov REC(VEDETTE_REC_SIZE)(%rcx), %r11d
    lea REC(VEDETTE_CHUNK_DATA)(%rcx,%r11), %rdi
    mov $VEDETTE_PATH_MAX, %esi
    mov $SYS_GETCWD, %eax
    syscall
    FIND_RECORD
    test %rax, %rax
    jg 1f
    xor %eax, %eax                       // getcwd has none (the directory is removed): the call has worked all the same
    jmp names_end
1:  movq $VEDETTE_LINK_AT, -VEDETTE_CHUNK_DATA(%rdi)
    jmp publish_link

    .subsection 1
    PHASE TAKING_INPUT
// Copies the text at r8 into a chunk at rcx, which moves on. rax: where the copy lies; 0, where there is no
// text. Loses rdx.
take_text:
    xor %eax, %eax
    test %r8, %r8
    jz 3f
    mov %r8, CHUNK(0)(%rcx)
    xor %edx, %edx
1:  movzbl (%r8,%rdx), %eax
    mov %al, CHUNK(VEDETTE_CHUNK_DATA)(%rcx,%rdx)
    inc %rdx
    test %al, %al
    jz 2f
    cmp $VEDETTE_PATH_MAX, %rdx
    jb 1b
    jmp leave_path
2:  mov %rdx, CHUNK(8)(%rcx)
    lea CHUNK(VEDETTE_CHUNK_DATA)(%rcx), %rax
    lea CHUNK(VEDETTE_CHUNK_DATA + 7)(%rcx,%rdx), %rcx
    and $-8, %rcx
3:  jmp *%r10

// The same of two times at argument 2.
take_times:
    mov REC(VEDETTE_REC_ARGS + 16)(%r11), %r8
    xor %eax, %eax
    test %r8, %r8
    jz 3b
    mov %r8, CHUNK(0)(%rcx)
    movq $32, CHUNK(8)(%rcx)
.set at, 0
.rept 4
    mov at(%r8), %rdx
    mov %rdx, CHUNK(VEDETTE_CHUNK_DATA + at)(%rcx)
.set at, at + 8
.endr
    lea CHUNK(VEDETTE_CHUNK_DATA)(%rcx), %rax
    add $(VEDETTE_CHUNK_DATA + 32), %rcx
    jmp *%r10
    .previous
    PHASE RECORDING

// ------------------------------------------------------------------ shapes of several chunks
    .balign 16
    PHASE RECORDING
add_chunk:
    test %rdx, %rdx
    jz add_nothing
    mov %rsi, CHUNK(0)(%rcx)
    mov %rdx, CHUNK(8)(%rcx)
    COPY add_done
add_done:
    mov CHUNK(8)(%rcx), %r11
    add $(VEDETTE_CHUNK_DATA + 7), %r11
    and $-8, %r11
    add %r11, %rcx
add_nothing:
    jmp *%r10

// The cursor has passed the last chunk: everything is put back.
    .balign 16
finish_chunks:
    mov %rcx, %r11
    FIND_RECORD
    sub %rcx, %r11
    add $VEDETTE_REC_CHUNKS, %r11
    mov REC(VEDETTE_REC_ARGS)(%rcx), %rdi
    mov REC(VEDETTE_REC_ARGS + 8)(%rcx), %rsi
    mov REC(VEDETTE_REC_ARGS + 24)(%rcx), %r10
    mov REC(VEDETTE_REC_ARGS + 32)(%rcx), %r8
    mov REC(VEDETTE_REC_ARGS + 40)(%rcx), %r9
    mov REC(VEDETTE_REC_RESULT)(%rcx), %rax
    PUBLISH

// rdi = iovec array, r9 = entries, rax = bytes that count: the array, then what it points to up to snaplen.
    .balign 16
    PHASE RECORDING
add_vector:
    AT_MOST_SNAPLEN %rax
    cmp $VEDETTE_VECTOR_MAX, %r9
    jbe 1f
    mov $VEDETTE_VECTOR_MAX, %r9d
1:  test %r9, %r9
    jz finish_chunks
    mov %rdi, %rsi
    mov %r9, %rdx
    shl $4, %rdx
    ADD_CHUNK
2:  test %rax, %rax
    jz finish_chunks
    mov (%rdi), %rsi
    mov 8(%rdi), %rdx
    cmp %rax, %rdx
    cmova %rax, %rdx
    sub %rdx, %rax
    ADD_CHUNK
    add $16, %rdi
    dec %r9
    jnz 2b
    jmp finish_chunks

// ------------------------------------------------------------------ vector_in, vector_out: arg 2 iovecs at
// arg 1
    SHAPE vector_in, 1
    cmp $-14, %rax
    je finish_chunks
    cmp $-22, %rax
    je finish_chunks
    xor %edx, %edx
    test %rax, %rax
    cmovs %rdx, %rax                     // how much was asked for, the array tells; data came none
    jmp vector_copy
    SHAPE vector_out, 1
    cmp $-14, %rax
    je finish_chunks
    cmp $-22, %rax                       // EINVAL: a count or a length no kernel would follow
    je finish_chunks
    mov $-1, %rax
vector_copy:
    mov %rsi, %rdi
    mov REC(VEDETTE_REC_ARGS + 16)(%rcx), %r9
    jmp add_vector

// ------------------------------------------------------------------ link: path at arg 0, result bytes at arg
// 1 (readlink)
    SHAPE link
    cmp $-14, %rax
    je finish_chunks
    test %rdi, %rdi
    jz finish_chunks
    xor %edx, %edx
1:  cmpb $0, (%rdi,%rdx)
    lea 1(%rdx), %rdx
    je 2f
    cmp $VEDETTE_PATH_MAX, %rdx
    jb 1b
2:  mov %rdi, %rsi
    ADD_CHUNK
    test %rax, %rax
    jle finish_chunks
    mov $VEDETTE_PATH_MAX, %edx
    cmp %rdx, %rax
    cmovb %rax, %rdx
    FIND_RECORD %r11
    mov REC(VEDETTE_REC_ARGS + 8)(%r11), %rsi
    ADD_CHUNK
    jmp finish_chunks

// ------------------------------------------------------------------ questions about a socket, behind the
// call (facts as of opens)
    .balign 16
    PHASE RECORDING
ask_name:
    mov %rcx, %r9
    mov %eax, %r11d
    shl $VEDETTE_NAME_SHIFT, %r11d
    mov %r11, CHUNK(0)(%r9)
    movq $VEDETTE_NAME_BYTES, CHUNK(8)(%r9)
    movq $VEDETTE_NAME_ROOM, CHUNK(VEDETTE_CHUNK_DATA)(%r9)
    movq $0, CHUNK(VEDETTE_CHUNK_DATA + 8)(%r9)   // nobody: another thread has closed it
    lea CHUNK(VEDETTE_CHUNK_DATA + 8)(%r9), %rsi
    lea CHUNK(VEDETTE_CHUNK_DATA)(%r9), %rdx
    syscall
    lea CHUNK(VEDETTE_CHUNK_DATA + VEDETTE_NAME_BYTES)(%r9), %rcx
    jmp *%r10

    .balign 16
ask_new_facts:
    mov %rax, CHUNK(0)(%rcx)
    movq $VEDETTE_FACTS_BYTES, CHUNK(8)(%rcx)
    movq $0, CHUNK(VEDETTE_CHUNK_DATA)(%rcx)      // nothing: another thread has closed it
    movq $0, CHUNK(VEDETTE_CHUNK_DATA + 8)(%rcx)
    movq $0, CHUNK(VEDETTE_CHUNK_DATA + 24)(%rcx)
    lea CHUNK(VEDETTE_CHUNK_DATA)(%rcx), %rsi
    mov %rcx, %r9
    mov $SYS_FSTAT, %eax
    syscall
new_facts_end:
    lea CHUNK(VEDETTE_CHUNK_DATA + VEDETTE_FACTS_BYTES)(%r9), %rcx
    jmp *%r10

// ------------------------------------------------------------------ accept: a peer's address at arg 1, its
// length at *arg 2 The new socket may be closed before the tracer reads the record, and only the kernel knows
// its ends, so it is asked at once.
    ENTER accept, asks=1
    MAKE_CALL accept, RETURNED
    test %rax, %rax
    js finish_chunks
    mov %eax, %edi
    test %rsi, %rsi
    jz 2f
    mov REC(VEDETTE_REC_ARGS + 16)(%rcx), %r8
    mov %rsi, %r9
    ADD_ADDRESS_OUT %r9
    jmp 3f
2:  ASK_NAME SYS_GETPEERNAME
3:  ASK_NAME SYS_GETSOCKNAME
    ASK_FACTS VEDETTE_FACTS_AT
    jmp finish_chunks

// rdi = address, r8 = pointer to its length.
add_address_out:
    ADD_ADDRESS_OUT %rdi
    jmp finish_chunks

// ------------------------------------------------------------------ receive: bytes_in, and the sender's
// address (recvfrom)
    SHAPE receive
    test %rax, %rax
    js finish_chunks
    mov %r8, %rdi                        // the address,
    mov %r9, %r8                         // and where its length stands
    AT_MOST_SNAPLEN %rax
    mov %rax, %rdx
    ADD_CHUNK
    test %rdi, %rdi
    jz finish_chunks
    test %r8, %r8
    jz finish_chunks
    jmp add_address_out

// ------------------------------------------------------------------ send: bytes_out, and the receiver's
// address (sendto) A socket that nobody bound has got its port by this call; it may be closed before the
// tracer reads of it.
    SHAPE send, 0, 0, %r8
    cmp $-14, %rax
    je finish_chunks
    mov REC(VEDETTE_REC_ARGS + 16)(%rcx), %rdx
    AT_MOST_SNAPLEN %rdx
    ADD_CHUNK
    test %r8, %r8
    jz finish_chunks
    mov %r8, %rsi
    mov %r9d, %edx
    cmp $VEDETTE_ADDRESS_MAX, %rdx
    ja finish_chunks                     // the kernel refuses it too
    ADD_CHUNK
    FIND_RECORD %r11
    cmpq $0, REC(VEDETTE_REC_RESULT)(%r11)
    jl finish_chunks
    mov REC(VEDETTE_REC_ARGS)(%r11), %edi
    ASK_NAME SYS_GETSOCKNAME
    jmp finish_chunks

// ------------------------------------------------------------------ message_in, message_out: a msghdr at arg
// 1
    SHAPE message_in, 0, 1
    test %rax, %rax
    js finish_chunks
    mov $-1, %r8                         // asks nothing
    jmp message_copy
    SHAPE message_out
    cmp $-14, %rax
    je finish_chunks
    mov %rax, %r8                        // asks what it is called if it could send
    mov $-1, %rax
message_copy:
    mov %rsi, %rdi
    mov $VEDETTE_MESSAGE_SIZE, %edx
    ADD_CHUNK
    mov (%rdi), %rsi                     // msg_name, msg_namelen
    mov 8(%rdi), %edx
    test %rsi, %rsi
    jz 1f
    cmp $VEDETTE_ADDRESS_MAX, %rdx
    ja 1f
    ADD_CHUNK
    test %r8, %r8
    js 1f
    cmpl $0, CTX(VEDETTE_NO_FACTS)
    jne 1f
    mov %rdi, %r8
    FIND_RECORD %r11
    mov REC(VEDETTE_REC_ARGS)(%r11), %edi
    ASK_NAME SYS_GETSOCKNAME
    mov %r8, %rdi
    mov $-1, %rax
1:  mov 32(%rdi), %rsi                   // msg_control, msg_controllen
    mov 40(%rdi), %rdx
    test %rsi, %rsi
    jz 2f
    cmp $VEDETTE_CONTROL_MAX, %rdx
    jbe 3f
    mov $VEDETTE_CONTROL_MAX, %edx
3:  ADD_CHUNK
2:  mov 24(%rdi), %r9                    // msg_iov, msg_iovlen
    mov 16(%rdi), %rdi
    jmp add_vector

// ------------------------------------------------------------ offset_2, offsets_13: where a copy begins
// (sendfile, copy_file_range) The kernel moves it on, so it is taken before the call. It gets the program's
// own, because it moves on what it is given.
.macro TAKE_OFFSET pointer
    test \pointer, \pointer
    jz 1f
    mov (\pointer), %rax
    mov \pointer, CHUNK(0)(%rcx)
    movq $8, CHUNK(8)(%rcx)
    mov %rax, CHUNK(VEDETTE_CHUNK_DATA)(%rcx)
    add $(VEDETTE_CHUNK_DATA + 8), %rcx
1:
.endm

.macro OFFSETS name, one, other=
    ENTER \name
    PHASE TAKING_INPUT
    mov %r11, %rcx
    TAKE_OFFSET \one
.ifnb \other
    TAKE_OFFSET \other
.endif
    sub %r11, %rcx
    add $VEDETTE_REC_CHUNKS, %ecx
    mov %ecx, REC(VEDETTE_REC_SIZE)(%r11)
    PHASE ARGUMENTS_SAVED
    MAKE_CALL \name, RETURNED
    mov REC(VEDETTE_REC_SIZE)(%rcx), %r11d
    PUBLISH
.endm

    OFFSETS offset_2, %rdx
    OFFSETS offsets_13, %rsi, %r10

// ------------------------------------------------------------------ option_in: arg 4 bytes at arg 3
// (setsockopt)
    ENTER option_in, option=1
    MAKE_CALL option_in, RETURNED
    cmp $-14, %rax
    je finish_chunks
    mov %r10, %rsi
    test %rsi, %rsi
    jz finish_chunks
    mov %r8d, %edx
    AT_MOST_SNAPLEN %rdx
    ADD_CHUNK
    jmp finish_chunks

// ------------------------------------------------------------------ option_out: an int at arg 3, its length
// at arg 4 (getsockopt)
    ENTER option_out, error=1
    MAKE_CALL option_out, RETURNED
    test %rax, %rax
    jnz finish_chunks
    mov %r10, %rdi
    mov %r8, %rsi
    mov $4, %edx
    ADD_CHUNK
    mov %rdi, %rsi
    mov $4, %edx
    ADD_CHUNK
    jmp finish_chunks

// ------------------------------------------------------------------ made, socket, pair_0, pair_3: new
// descriptors that no path leads to. They may be closed before the tracer reads the record, so the kernel is
// asked at once what they are.
    ENTER made, asks=1
    MAKE_CALL made, RETURNED
    jmp made_facts
    ENTER socket, asks=1, socket=1
    MAKE_CALL socket, RETURNED
made_facts:
    test %rax, %rax
    js finish_chunks
    mov %eax, %edi
    ASK_FACTS VEDETTE_FACTS_AT
    jmp finish_chunks

    ENTER pair_0, asks=1
    MAKE_CALL pair_0, RETURNED
    mov %rdi, %rsi
    jmp pair_facts
    ENTER pair_3, asks=1
    MAKE_CALL pair_3, RETURNED
    mov %r10, %rsi
pair_facts:
    test %rax, %rax
    jnz finish_chunks
    mov %rcx, %r8
    mov $8, %edx
    ADD_CHUNK
    mov CHUNK(VEDETTE_CHUNK_DATA)(%r8), %edi     // what the record says, whoever has written to memory since
    ASK_FACTS VEDETTE_FACTS_AT
    mov CHUNK(VEDETTE_CHUNK_DATA + 4)(%r8), %edi
    ASK_FACTS VEDETTE_SECOND_FACTS_AT
    jmp finish_chunks

// ------------------------------------------------------------------ file_clone: registers, of which arg 1
// asks for FICLONE (ioctl)
    ENTER file_clone, clone=1
    MAKE_CALL file_clone, RETURNED
    PUBLISH $VEDETTE_REC_CHUNKS

// ------------------------------------------------------------------ boot: a process takes in its segments A
// new image comes here by its first steps (page.h), a stopped thread is pointed here by the tracer. rbx, rbp:
// id and address of a ring segment, r12 its bytes; r13, r14: id and address of the stubs near a library; a
// negative id: none, and address 0. r9: a list of patches of that library's, or 0. r15: where to go on with
// every register 0, as at the start of an image; 0: stop for the tracer, with rax 0 or what the kernel
// refused.
//
// Rings go by numbers that anybody can guess, and code must not become writable unseen: the filter lets these
// two calls pass only with the secret of a new image's boot in r8 and r10, else they stop for the tracer.
// What the other gates let pass, anybody may do (inline/filter.cc).
    .balign 64
    PHASE BOOT
boot:
    mov %rbp, %rax
    test %ebx, %ebx
    js 1f
    mov %ebx, %edi
    mov %rbp, %rsi
    xor %edx, %edx
    mov $30, %eax                        // shmat
    syscall
boot_shmat_end:
    cmp %rbp, %rax
    jne boot_report
    mov %rbp, %rdi
    mov %r12, %rsi
    mov $10, %edx                        // MADV_DONTFORK: a child gets a ring of its own
    mov $28, %eax                        // madvise
    syscall
boot_madvise_end:
1:  test %r13d, %r13d
    js 3f
    mov %r13d, %edi
    mov %r14, %rsi
    mov $0x9000, %edx                    // SHM_RDONLY | SHM_EXEC
    mov $30, %eax
    syscall
boot_near_end:
    cmp %r14, %rax
    jne boot_report
    test %r9, %r9
    jz 3f
    mov $7, %edx                         // PROT_READ | PROT_WRITE | PROT_EXEC
2:  mov VEDETTE_PATCHES_START(%r9), %rdi
    add %r14, %rdi
    mov VEDETTE_PATCHES_BYTES(%r9), %rsi
    mov $10, %eax                        // mprotect
    syscall
boot_mprotect_end:
    test %rax, %rax
    jnz 6f
    cmp $5, %edx
    je 3f
    mov VEDETTE_PATCHES_COUNT(%r9), %r11d
    lea VEDETTE_PATCHES_FIRST(%r9), %rax
4:  mov (%rax), %rdi
    add %r14, %rdi
    mov VEDETTE_PATCH_SIZE(%rax), %ecx
    lea VEDETTE_PATCH_CODE(%rax), %rsi
    rep movsb
    add $VEDETTE_PATCH_BYTES, %rax
    dec %r11d
    jnz 4b
    mov $5, %edx                         // PROT_READ | PROT_EXEC
    jmp 2b
3:  test %r15, %r15
    jz 5f
    mov %r15, -8(%rsp)
    xor %eax, %eax
    xor %ebx, %ebx
    xor %ecx, %ecx
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    xor %ebp, %ebp
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    jmp *-8(%rsp)
6:  mov %rdi, %rsi                       // the tracer goes by the address: of code that may not become writable
    jmp boot_report
5:  xor %eax, %eax
boot_report:
    // A call that our filter stops, the tracer answers, and every container's own profile allows: one that a
    // profile refuses (as Docker's does a number that is no call) would get its answer from there, and no
    // stop.
    mov %rax, %rdx                       // rsi keeps the address that was asked for last
    xor %edi, %edi
    mov $67, %eax                        // shmdt, in the agent's range
    syscall
boot_report_end:
    ud2

    .subsection 2
    .balign 4096
vedette_page_end:
    .previous

.pushsection .rodata.vedette_labels, "a"
.globl vedette_labels
.balign 8
vedette_labels:
    .long dispatch - vedette_page, take_the_site - vedette_page, boot - vedette_page
    .long boot_shmat_end - vedette_page, boot_madvise_end - vedette_page, boot_near_end - vedette_page
    .long boot_report_end - vedette_page, boot_mprotect_end - vedette_page
    .long bytes_whole_end - vedette_page, facts_end - vedette_page
    .long new_facts_end - vedette_page, link_end - vedette_page
.popsection
.pushsection .rodata.vedette_phases
vedette_phases_end:
.popsection
.pushsection .rodata.vedette_snaplens
vedette_snaplens_end:
.popsection
.pushsection .rodata.vedette_shapes
vedette_shapes_end:
.popsection
.section .note.GNU-stack, "", @progbits
