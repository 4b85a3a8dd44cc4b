#pragma once

// Where a fiber goes on: a stack of its own, and the registers a function must keep, which lie on it.

#include <stddef.h>

#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace emulation {

constexpr size_t stackSize = 128 << 10;

#ifdef __x86_64__
struct Context {
  void *stack = nullptr;
};
extern "C" void foley_emulation_switch(void **from, void *to);
asm(R"(
.text
.globl foley_emulation_switch
.type foley_emulation_switch,@function
foley_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size foley_emulation_switch, .-foley_emulation_switch
)");
inline void switch_to(Context &from, Context &to) { foley_emulation_switch(&from.stack, to.stack); }
inline void prepare(Context &context, unsigned char *stack, void (*entry)()) {
  void **top = (void **)(stack + stackSize);
  *--top = nullptr;  // keeps the stack aligned as a call would
  *--top = (void *)entry;
  for (int i = 0; i < 6; i++) *--top = nullptr;
  context.stack = top;
}
#else
struct Context {
  ucontext_t state;
};
inline void switch_to(Context &from, Context &to) { swapcontext(&from.state, &to.state); }
inline void prepare(Context &context, unsigned char *stack, void (*entry)()) {
  getcontext(&context.state);
  context.state.uc_stack.ss_sp = stack;
  context.state.uc_stack.ss_size = stackSize;
  context.state.uc_link = nullptr;
  makecontext(&context.state, entry, 0);
}
#endif

}  // namespace emulation
