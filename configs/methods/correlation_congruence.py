# Peng et al., ICCV 2019; on the pooled features. The weight is that of RepDistiller.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(correlation_congruence=dict(
    student='features', teacher='features',
    loss=dict(type='CorrelationCongruence'), weight=0.02)))
