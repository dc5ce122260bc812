// expect: error: could not convert|error: no matching function|error: conversion
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

void f(outbox::outgoing& out) { out.send({.to = "orders.paid"}); }
