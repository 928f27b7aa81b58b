"""The two architectures in a form that trains fast on a CPU; export.py writes them as Hugging Face checkpoints.

The arithmetic is that of transformers' DeepseekV3ForCausalLM and MixtralForCausalLM (check_export.py proves it). What
differs is the layout: all experts of a layer live in two 3-D tensors, tokens are sorted by expert, each expert is one
product over its own rows, and no token is dropped. Products run in `compute_dtype` (bfloat16 for training), everything
between them in float32.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

KV_NORM_EPS = 1e-6  # DeepSeek's kv_a_layernorm keeps its default epsilon, whatever rms_norm_eps says

COMMON = dict(vocab_size=768, hidden_size=128, num_hidden_layers=12, num_attention_heads=4, hidden_act="silu",
              max_position_embeddings=512, rope_theta=10000.0, rms_norm_eps=1e-5, initializer_range=0.02,
              tie_word_embeddings=False, attention_dropout=0.0, num_experts_per_tok=2, use_cache=True,
              pad_token_id=0, bos_token_id=1, eos_token_id=2)
CONFIGS = {
    "deepseek_v3": COMMON | dict(
        architectures=["DeepseekV3ForCausalLM"], model_type="deepseek_v3", intermediate_size=384, moe_intermediate_size=96,
        n_routed_experts=16, n_shared_experts=1, first_k_dense_replace=1, moe_layer_freq=1, scoring_func="sigmoid",
        topk_method="noaux_tc", n_group=1, topk_group=1, norm_topk_prob=True, routed_scaling_factor=2.0, q_lora_rank=None,
        kv_lora_rank=64, qk_nope_head_dim=32, qk_rope_head_dim=16, v_head_dim=32, num_key_value_heads=4, rope_scaling=None,
        attention_bias=False, num_nextn_predict_layers=0),
    "mixtral": COMMON | dict(
        architectures=["MixtralForCausalLM"], model_type="mixtral", intermediate_size=96, num_local_experts=16,
        num_key_value_heads=2, head_dim=32, sliding_window=None, router_aux_loss_coef=0.01, output_router_logits=False),
}


def rms_norm(x, weight, eps):
    return weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps))


def swiglu(gate_up):
    gate, up = gate_up.float().chunk(2, -1)
    return (F.silu(gate) * up).to(gate_up.dtype)


def swiglu_backward(gate_up, d_act):
    gate, up = gate_up.float().chunk(2, -1)
    d_act, sig = d_act.float(), torch.sigmoid(gate)
    silu = gate * sig
    return torch.cat((d_act * up * (sig + silu * (1 - sig)), d_act * silu), -1).to(gate_up.dtype)


PADDING = 128  # rows: oneDNN compiles a kernel for every new number of rows, which takes longer than these products


class RoutedExperts(torch.autograd.Function):
    """sum over a token's k experts of weight * expert(x), with a hand-written backward that keeps the rows sorted.

    x [tokens, hidden], gate_up [experts, 2 * inter, hidden], down [experts, hidden, inter], index and weight [tokens, k].
    Each expert's rows are filled up with zero rows to a multiple of PADDING.
    """

    @staticmethod
    def forward(ctx, x, gate_up, down, index, weight):
        tokens, k = index.shape
        experts = index.flatten()
        order = experts.argsort(stable=True)
        counts = torch.bincount(experts, minlength=len(gate_up))
        ends = ((counts + PADDING - 1) // PADDING * PADDING).cumsum(0)
        shift = ends - ends.diff(prepend=ends.new_zeros(1)) - (counts.cumsum(0) - counts)
        places = torch.arange(len(order)) + shift[experts[order]]  # of the sorted rows
        place = torch.empty_like(places).scatter_(0, order, places)  # of each (token, expert) pair
        spans = list(zip([0] + ends[:-1].tolist(), ends.tolist()))
        xs = x.new_zeros(spans[-1][1], x.shape[1]).index_copy_(0, places, x[order // k])
        hidden = x.new_empty(len(xs), gate_up.shape[1])
        for e, (a, b) in enumerate(spans):
            torch.mm(xs[a:b], gate_up[e].T, out=hidden[a:b])
        act = swiglu(hidden)
        ys = torch.empty_like(xs)
        for e, (a, b) in enumerate(spans):
            torch.mm(act[a:b], down[e].T, out=ys[a:b])
        picked = ys[place].view(tokens, k, -1)
        ctx.save_for_backward(xs, hidden, act, picked, gate_up, down, weight, place)
        ctx.spans = spans
        return (picked.float() * weight[..., None]).sum(1)

    @staticmethod
    def backward(ctx, d_out):
        xs, hidden, act, picked, gate_up, down, weight, place = ctx.saved_tensors
        tokens, k = weight.shape
        d_weight = (picked.float() * d_out[:, None]).sum(-1)
        d_picked = (d_out[:, None] * weight[..., None]).to(xs.dtype).view(tokens * k, -1)
        d_ys = torch.zeros_like(xs).index_copy_(0, place, d_picked)
        d_act, d_down, d_gate_up, d_xs = torch.empty_like(act), torch.empty_like(down), torch.empty_like(gate_up), torch.empty_like(xs)
        for e, (a, b) in enumerate(ctx.spans):
            torch.mm(d_ys[a:b], down[e], out=d_act[a:b])
            torch.mm(d_ys[a:b].T, act[a:b], out=d_down[e])
        d_hidden = swiglu_backward(hidden, d_act)
        for e, (a, b) in enumerate(ctx.spans):
            torch.mm(d_hidden[a:b], gate_up[e], out=d_xs[a:b])
            torch.mm(d_hidden[a:b].T, xs[a:b], out=d_gate_up[e])
        d_x = d_xs[place].view(tokens, k, -1).float().sum(1)
        return d_x.to(xs.dtype), d_gate_up, d_down, None, d_weight


def matrix(*shape, scale=1.0):
    return nn.Parameter(torch.randn(*shape) * (scale / math.sqrt(shape[-1])))


def rotate_pairs(x, cos, sin):
    """DeepSeek's rope: the pair (x0, x1) turns by one angle; the output keeps all first parts, then all second parts."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def rotate_halves(x, cos, sin):
    """Llama's rope: the pair is (x_i, x_{i + half})."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def attend(q, k, v):
    """Causal attention of [batch, length, heads, dim]; written out because torch's CPU kernel has a slow backward."""
    batch, length, heads, dim = q.shape
    q, k, v = (t.transpose(1, 2).reshape(batch * heads, length, -1) for t in (q, k, v))
    mask = torch.full((length, length), -torch.inf).triu(1)
    weights = (torch.bmm(q, k.transpose(1, 2)).float() / math.sqrt(dim) + mask).softmax(-1).to(v.dtype)
    return torch.bmm(weights, v).view(batch, heads, length, -1).transpose(1, 2).reshape(batch, length, -1)


class Mlp(nn.Module):
    def __init__(self, hidden, inter, out_scale):
        super().__init__()
        self.gate_up, self.down = matrix(2 * inter, hidden), matrix(hidden, inter, scale=out_scale)


class Layer(nn.Module):
    """Attention and feed-forward weights of one layer; `moe` says which kind of feed-forward it has."""

    def __init__(self, c, number):
        super().__init__()
        hidden, heads = c["hidden_size"], c["num_attention_heads"]
        out_scale = 1 / math.sqrt(2 * c["num_hidden_layers"])
        self.attention_norm, self.mlp_norm = nn.Parameter(torch.ones(hidden)), nn.Parameter(torch.ones(hidden))
        self.deepseek = c["model_type"] == "deepseek_v3"
        if self.deepseek:
            self.q = matrix(heads * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"]), hidden)
            self.kv_a = matrix(c["kv_lora_rank"] + c["qk_rope_head_dim"], hidden)
            self.kv_norm = nn.Parameter(torch.ones(c["kv_lora_rank"]))
            self.kv_b = matrix(heads * (c["qk_nope_head_dim"] + c["v_head_dim"]), c["kv_lora_rank"])
            self.o = matrix(hidden, heads * c["v_head_dim"], scale=out_scale)
            self.moe = number >= c["first_k_dense_replace"]
            experts, inter = c["n_routed_experts"], c["moe_intermediate_size"]
        else:
            self.q, self.o = matrix(heads * c["head_dim"], hidden), matrix(hidden, heads * c["head_dim"], scale=out_scale)
            self.k, self.v = (matrix(c["num_key_value_heads"] * c["head_dim"], hidden) for _ in range(2))
            self.moe, experts, inter = True, c["num_local_experts"], c["intermediate_size"]
        if self.moe:
            self.gate = matrix(experts, hidden)
            self.gate_up, self.down = matrix(experts, 2 * inter, hidden), matrix(experts, hidden, inter, scale=out_scale)
            if self.deepseek:
                self.register_buffer("bias", torch.zeros(experts))
                self.shared = Mlp(hidden, inter * c["n_shared_experts"], out_scale)
        else:
            self.dense = Mlp(hidden, c["intermediate_size"], out_scale)


class Model(nn.Module):
    def __init__(self, config, compute_dtype=torch.bfloat16):
        super().__init__()
        self.config, self.compute_dtype = config, compute_dtype
        self.embed = nn.Parameter(torch.randn(config["vocab_size"], config["hidden_size"]) * 0.1)
        self.layers = nn.ModuleList(Layer(config, i) for i in range(config["num_hidden_layers"]))
        self.norm = nn.Parameter(torch.ones(config["hidden_size"]))
        self.head = nn.Parameter(torch.randn(config["vocab_size"], config["hidden_size"]) * 0.02)
        dim = config.get("qk_rope_head_dim") or config["head_dim"]
        angles = torch.arange(config["max_position_embeddings"])[:, None] / config["rope_theta"] ** (torch.arange(0, dim, 2) / dim)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def linear(self, x, weight):
        return F.linear(x.to(self.compute_dtype), weight.to(self.compute_dtype))

    def mla(self, layer, x):
        """Multi-head latent attention: keys and values come from one small vector a token, plus one rotary key."""
        c, (batch, length, _) = self.config, x.shape
        heads, nope, rope, v_dim = c["num_attention_heads"], c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
        cos, sin = self.cos[:length, None], self.sin[:length, None]
        q = self.linear(x, layer.q).view(batch, length, heads, nope + rope)
        latent, k_rope = self.linear(x, layer.kv_a).float().split([c["kv_lora_rank"], rope], -1)
        kv = self.linear(rms_norm(latent, layer.kv_norm, KV_NORM_EPS), layer.kv_b).view(batch, length, heads, nope + v_dim)
        k_rope = rotate_pairs(k_rope.unsqueeze(2), cos, sin).to(kv.dtype).expand(-1, -1, heads, -1)
        q = torch.cat((q[..., :nope], rotate_pairs(q[..., nope:].float(), cos, sin).to(q.dtype)), -1)
        k, v = torch.cat((kv[..., :nope], k_rope), -1), kv[..., nope:]
        return self.linear(attend(q, k, v), layer.o)

    def gqa(self, layer, x):
        """Grouped-query attention."""
        c, (batch, length, _) = self.config, x.shape
        cos, sin = self.cos[:length, None], self.sin[:length, None]
        q, k, v = (self.linear(x, w).view(batch, length, -1, c["head_dim"]) for w in (layer.q, layer.k, layer.v))
        q, k = (rotate_halves(t.float(), cos, sin).to(v.dtype) for t in (q, k))
        group = c["num_attention_heads"] // c["num_key_value_heads"]
        k, v = (t.repeat_interleave(group, 2) for t in (k, v))
        return self.linear(attend(q, k, v), layer.o)

    def route(self, layer, x):
        """Scores in float32; returns index [tokens, k], weight [tokens, k] and the scores as probabilities."""
        k, logits = self.config["num_experts_per_tok"], F.linear(x, layer.gate)
        if layer.deepseek:
            scores = logits.sigmoid()
            index = (scores + layer.bias).topk(k, -1)[1]
            weight = scores.gather(1, index)
            weight = weight / (weight.sum(-1, keepdim=True) + 1e-20) * self.config["routed_scaling_factor"]
            return index, weight, scores / scores.sum(-1, keepdim=True)
        scores = logits.softmax(-1)
        weight, index = scores.topk(k, -1)
        return index, weight / weight.sum(-1, keepdim=True), scores

    def mlp(self, x, mlp):
        return self.linear(swiglu(self.linear(x, mlp.gate_up)), mlp.down)

    def forward(self, ids):
        """ids [batch, length] -> float32 logits [batch, length, vocab], and (index, probabilities) of every MoE layer."""
        x, eps, routing = self.embed[ids], self.config["rms_norm_eps"], []
        for layer in self.layers:
            attention = self.mla if layer.deepseek else self.gqa
            x = x + attention(layer, rms_norm(x, layer.attention_norm, eps))
            h = rms_norm(x, layer.mlp_norm, eps).flatten(0, 1)
            if layer.moe:
                index, weight, probabilities = self.route(layer, h)
                routing.append((index, probabilities))
                low = h.to(self.compute_dtype)
                out = RoutedExperts.apply(low, layer.gate_up.to(low.dtype), layer.down.to(low.dtype), index, weight)
                if layer.deepseek:
                    out = out + self.mlp(low, layer.shared)
            else:
                out = self.mlp(h, layer.dense)
            x = x + out.view_as(x)
        return self.linear(rms_norm(x, self.norm, eps), self.head).float(), routing
